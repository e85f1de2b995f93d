package pid1

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/silo-os/silo/hvcall"
)

// look asks the application once, at the guest's own loopback, and returns why it does not serve.
func look(ctx context.Context, p hvcall.Probe) error {
	ctx, cancel := context.WithTimeout(ctx, p.Within())
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("localhost", strconv.Itoa(p.Port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	if p.Path == "" {
		return nil
	}
	at, _ := ctx.Deadline()
	if err := conn.SetDeadline(at); err != nil {
		return err
	}
	return askHTTP(conn, p.Path)
}

// askHTTP asks for a path and reads the answer's first line, which is all that matters: the package for HTTP is larger than all
// the rest of this process.
func askHTTP(conn net.Conn, path string) error {
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\nUser-Agent: silo\r\nConnection: close\r\n\r\n", path); err != nil {
		return err
	}
	line, err := bufio.NewReaderSize(conn, 512).ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		err = nil // a long reason behind the code
	}
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	version, rest, _ := strings.Cut(string(line), " ")
	code, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if !strings.HasPrefix(version, "HTTP/1.") {
		return fmt.Errorf("answered %.40q, which is not HTTP", line)
	}
	if n, err := strconv.Atoi(code); err != nil || n < 200 || n > 399 {
		return fmt.Errorf("answered %.40q", strings.TrimSpace(string(line)))
	}
	return nil
}

// watch is what is looked at again and again.
type watch struct {
	every    time.Duration
	patience int                         // bad looks in a row that count
	ask      func(context.Context) error // returns why it is not well
	served   func() bool                 // it is known to have served; nil = only a good look says so
	told     func(verdict, error) (more bool)
}

// run looks and tells what becomes known, until ctx ends or told has heard enough.
func (w watch) run(ctx context.Context) {
	h := health{patience: w.patience}
	tick := time.NewTicker(w.every)
	defer tick.Stop()
	for {
		err := w.ask(ctx)
		if ctx.Err() != nil {
			return
		}
		if v := h.saw(err == nil, w.served != nil && w.served()); v != nothingNew && !w.told(v, err) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
