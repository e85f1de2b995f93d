// Package tape records what a guest says over its call channel, and plays it to whoever speaks with
// a guest that was stopped after it had said so and now goes on elsewhere.
//
// A [Recorder] records from its making until [Recorder.Seal], then only passes on; [Play] plays first and then
// passes on. Recorder.mu guards what it holds; nothing waits while it is held.
//
//	said, err := recorder.Seal() // the guest stands still
//	…
//	conn := tape.Play(port, said)
package tape
