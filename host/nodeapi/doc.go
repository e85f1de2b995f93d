// Package nodeapi is how programs speak to silo node: the messages of its API, version 1, and a client. docs/API.md
// has the same for those who speak it from another language.
//
// The API is JSON over HTTP on a Unix socket that only its owner can open, and, where it is asked for, on TCP with
// mutual TLS. A message is a struct of this package; a refusal is an [Error]. Members may be added to
// answers within a version; a request with a member that is not known is refused, so that nothing asked for is
// silently left out.
//
// A [Client] has no state but its connections. Its methods may be called from any goroutine.
//
//	c, err := nodeapi.NewClient(nodeapi.Target{Socket: nodeapi.DefaultSocket(os.LookupEnv)})
//	if err != nil {
//		return err
//	}
//	guest, err := c.Create(ctx, nodeapi.Spec{Kernel: kernel, Initramfs: initramfs})
//	if err != nil {
//		return err
//	}
//	err = c.Logs(ctx, guest.Name, nodeapi.LogQuery{Follow: true}, func(r nodeapi.LogRecord) error {
//		_, err := os.Stdout.Write(r.Data)
//		return err
//	})
package nodeapi
