// Package lockedbuf is for tests: a buffer that one goroutine, or a program, writes while another looks at what is there so far.
//
// A [Buffer] is ready as it is, only grows, and must not be copied. Its one lock is held for the time of a call and nothing is called
// under it.
//
//	var out lockedbuf.Buffer
//	cmd.Stdout = &out
//	for !strings.Contains(out.String(), "ready") { … }
package lockedbuf
