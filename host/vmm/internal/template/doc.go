// Package template keeps templates: what it takes to go on with a guest that was stopped early in its
// life, as often as one likes, in place of booting another one.
//
// # What a template holds
//
// One file, readable by its owner only:
//
//	0          header: magic, length, checksum, then the [Header] as JSON
//	64 KiB     the guest's boot memory as it lay there; pages of zeros are holes
//	behind it  QEMU's own stream: processors and devices
//
// # States of a template
//
//   - draft: a file without a name. [Store.Draft] makes it, [Draft.Publish] moves it on, and nothing has to be
//     done for it to go: without a name it ends with the last process that has it open, kill -9 included.
//   - published: it has its name and is never written again. [Store.Open] finds it.
//   - gone: too old when room was needed ([Store.Limit]), or found damaged. Who has it open still reads it.
//
// A template goes by a key that is made of everything it depends on ([Identity.Key]); what changes leads to
// another key. [Template.Fill] checks every byte of the memory on the way; a template that fails the check
// is damaged, as one is that was cut off when its host lost power.
//
// There are no locks: names appear and go in one step each.
//
//	t, err := store.Open(identity)
//	if errors.Is(err, fs.ErrNotExist) {
//		draft, err := store.Draft(identity, bootMemory)
//		…
//		err = draft.Publish(said)
//	}
package template
