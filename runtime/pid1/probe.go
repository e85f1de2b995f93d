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

// watch looks at something each time and tells what becomes known, until ctx ends or told says that it has heard enough.
func watch(ctx context.Context, every time.Duration, h health, ask func(context.Context) error, told func(verdict, error) (more bool)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if ctx.Err() != nil {
			return
		}
		if v := h.saw(err == nil); v != nothingNew && !told(v, err) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
