// Package node runs the guests of one host: it starts their machines, answers their calls, asks the
// broker who gets what, and does what the broker says.
//
// # Life of a guest
//
//	waiting   asked for by [Node.Start]                 until the broker admits or refuses it
//	booting   its machine runs                          until it says Hello, in time or never
//	running   it was welcomed; demands and grants flow  until it reports its Exit, or dies
//	ending    its machine is on its way out             until the machine and all output are done
//	ended     [Guest.Wait] returns; nothing is left
//
// A guest that runs and is silent for longer than GuestSpec.AnswerWithin goes to ending, too: see silence.
//
// From every state [Guest.Kill] and the end of the machine lead to ending. [Guest.Shutdown] asks the
// guest to go there by itself and kills it when it does not.
//
// A guest that another node left running enters at booting, by [Node.Adopt], with what it holds in the ledger, and is
// running once it has said Hello again.
//
// # Guests that move
//
// One that comes from another host is expected ([Node.Expect]: room is reserved, a machine waits), comes in, is set running, and is
// served ([Guest.Serve]), from then on like one that was adopted; or it is dropped ([Guest.Drop]). One that leaves shrinks, is frozen,
// and is sent; then it thaws, or is handed over ([Guest.HandOver]). Package move says when, and package daemon has it done.
//
// # Templates
//
// With GuestSpec.Template a guest may go on from a template: its machine is then one that was stopped at its
// Hello, before that was answered, and the Hello that is answered is the one that was recorded. Where there is
// no template the guest boots, and is saved as one between its Hello and its Welcome. A Hello off the tape proves
// nothing: such a guest has its HelloDeadline until it states something by itself, or its template is thrown away.
//
// # Who does what
//
// One goroutine owns the broker: it alone calls Step, in batches, and never waits for a guest. Every
// guest has goroutines of its own: one reads its calls, one sends grants, one resizes its memory,
// one holds its vCPUs to what it may use and measures them, one writes its output, one observes, one listens for its silence and one waits for its end. They hand their results to the
// owner through a mailbox, and are handed actions through slots in which the newest wins, so a
// guest that does not read, or a device that hangs, holds up nobody else.
//
// What is enforced of a guest's memory follows the ledger: the resizer raises it before the device is asked for more, and a
// goroutine of its own lowers it.
//
// A demand stated many times before the owner comes to it counts once: the newest is complete. The owner hears of one in
// five milliseconds of each guest at most, and of each guest's frames so many are read in a second: what a guest sends in
// vain, its host pays for.
//
// # vCPUs
//
// The host's limit on a guest's vCPUs is the ledger's upper end. A grant of more is sent when the limit is that wide; a grant
// of less is sent at once, and the limit narrows when the guest has applied it. [Share] is what limits.
//
// # Network
//
// A guest is told its network in its Welcome: that of user-mode networking, or where it is on a bridge. Two guests of a node never
// have the same address on a bridge.
//
// # Volumes
//
// A named volume is made, if it is not there, when its guest has been admitted, and is the guest's as long as its machine lives (packages volume
// and vmm). The guest is told where to mount it in its Welcome; one that does not say in its Hello that it can is ended, for its
// application would write to what is lost. A guest with volumes does not move.
//
// # Output
//
// What the application writes is passed on as it comes. A writer that is slower than the application
// makes the application wait once [outputRoom] bytes are buffered; nothing is dropped unless the
// guest is killed. While it waits its demands wait with it.
//
// # Locks
//
// mailbox.mu, slot.mu, pacer.mu, resizer.mu, processors.mu, output.mu and Guest.mu guard one small state each. A slot's
// is taken inside a resizer's, the mailbox's inside a pacer's, and a Share's own inside that of processors; no other two are
// held together and none while waiting.
//
// # Example
//
//	n, err := node.New(node.Config{})
//	if err != nil {
//		return err
//	}
//	defer n.Close()
//	g, err := n.Start(ctx, node.GuestSpec{Kernel: kernel, Initramfs: initramfs, Stdout: os.Stdout,
//		Memory: node.Memory{Min: 64 << 20, Max: 2 << 30}, CPU: node.CPU{MaxMilli: 2000}})
//	if err != nil {
//		return err
//	}
//	exit, err := g.Wait()
package node
