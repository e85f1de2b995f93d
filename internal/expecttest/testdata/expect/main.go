// Command expect looks whether a guest has what a Go program takes for granted, and prints what it found as one line of JSON
// behind "expect ". Then it serves on several ports until it is asked to end.
package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	_ "embed"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// found is the result: what a check returned, or its error behind "error: ".
var found = map[string]string{}

func check(name string, f func() (string, error)) {
	got, err := f()
	if err != nil {
		got = "error: " + err.Error()
	}
	found[name] = got
}

func main() {
	addrs, err := net.LookupHost("first.silo.test") // the first line: nothing may have to be waited for
	if len(os.Args) > 1 && os.Args[1] == "child" {
		child()
	}
	check("dns", func() (string, error) { return strings.Join(addrs, " "), err })
	random := make([]byte, 32)
	check("entropy", func() (string, error) { _, err := rand.Read(random); return fmt.Sprintf("%x", random), err })
	check("clock", func() (string, error) { return time.Now().UTC().Format(time.RFC3339Nano), nil })
	check("args", func() (string, error) { return strings.Join(os.Args[1:], "|"), nil })
	check("env", func() (string, error) { return os.Getenv("GREETING"), nil })
	check("dir", os.Getwd)
	check("hostname", os.Hostname)
	times()
	names()
	files()
	processes()
	limits()
	check("roots", roots)
	check("ipv6 to the host", func() (string, error) { return ask("tcp6", os.Getenv("HOST6")) })
	serve()
}

func times() {
	check("zone", func() (string, error) {
		l, err := time.LoadLocation("America/New_York")
		if err != nil {
			return "", err
		}
		return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).In(l).Format(time.RFC3339), nil
	})
	check("local zone", func() (string, error) {
		return time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC).Local().Format(time.RFC3339), nil
	})
}

func names() {
	for _, name := range []string{"localhost", os.Getenv("HOSTNAME")} {
		check("lookup "+name, func() (string, error) {
			a, err := net.LookupHost(name)
			slices.Sort(a)
			return strings.Join(a, " "), err
		})
	}
	check("user", func() (string, error) {
		u, err := user.Current()
		if err != nil {
			return "", err
		}
		home, err := os.UserHomeDir()
		return u.Username + " " + home, err
	})
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		check("loopback "+address, func() (string, error) {
			l, err := net.Listen("tcp", address)
			if err != nil {
				return "", err
			}
			defer l.Close()
			go answer(l, "ok")
			return ask("tcp", l.Addr().String())
		})
	}
}

func files() {
	check("null", func() (string, error) { return "ok", os.WriteFile(os.DevNull, []byte("x"), 0) })
	for _, dev := range []string{"/dev/urandom", "/dev/random", "/dev/zero"} {
		check(dev, func() (string, error) {
			f, err := os.Open(dev)
			if err != nil {
				return "", err
			}
			defer f.Close()
			_, err = io.ReadFull(f, make([]byte, 64))
			return "ok", err
		})
	}
	for _, dir := range []string{os.TempDir(), "/dev/shm", "/run", "/etc", "."} {
		check("write "+dir, func() (string, error) {
			f, err := os.CreateTemp(dir, "expect")
			if err != nil {
				return "", err
			}
			defer os.Remove(f.Name())
			_, err = f.WriteString("x")
			return "ok", errors.Join(err, f.Close())
		})
	}
	check("room in /tmp", func() (string, error) {
		var st syscall.Statfs_t
		err := syscall.Statfs("/tmp", &st)
		return fmt.Sprint(st.Blocks * uint64(st.Bsize) >> 20), err
	})
	check("proc", func() (string, error) {
		exe, err := os.Executable()
		if err != nil {
			return "", err
		}
		_, err = os.Stat("/proc/self/status")
		return exe, err
	})
	check("file of the image", func() (string, error) { b, err := os.ReadFile("/etc/expect/note"); return string(b), err })
}

// processes: the same binary once more, with pipes, a signal, and its exit code.
func processes() {
	check("child", func() (string, error) {
		c := exec.Command(os.Args[0], "child")
		c.Stdin = strings.NewReader("from the parent")
		out, err := c.Output()
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return fmt.Sprintf("%s %d", out, exit.ExitCode()), nil
		}
		return string(out), err
	})
	check("signal", func() (string, error) {
		c := make(chan os.Signal, 1)
		signal.Notify(c, syscall.SIGUSR1)
		defer signal.Stop(c)
		if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
			return "", err
		}
		return (<-c).String(), nil
	})
}

func child() {
	b, err := io.ReadAll(os.Stdin)
	fmt.Printf("heard %q, %v", b, err)
	os.Exit(7)
}

// limits: more than a guest of its boot memory could have.
func limits() {
	check("window", func() (string, error) {
		b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_rmem")
		return strings.Join(strings.Fields(string(b)), " "), err
	})
	check("10000 files", func() (string, error) {
		for range 10000 {
			f, err := os.Open(os.DevNull)
			if err != nil {
				return "", err
			}
			defer f.Close()
		}
		return "ok", nil
	})
	check("700 threads", func() (string, error) { return "ok", threads(700) })
	check("600 connections closed", func() (string, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return "", err
		}
		defer l.Close()
		go answer(l, "ok")
		for range 600 {
			if _, err := ask("tcp", l.Addr().String()); err != nil {
				return "", err
			}
		}
		return closed(600)
	})
}

// closed reports whether of n connections that were closed just now many more are remembered than the 256 for which Linux has room
// in 64 MiB. The last ones' good-bye may still be on its way; and the kernel does not wait for memory to remember one, so that one or
// another is not while a block of memory leaves, which it counts.
func closed(n int) (string, error) {
	var tw, lost int
	for range 100 {
		var err error
		if tw, err = word("/proc/net/sockstat", "TCP:", "tw"); err != nil {
			return "", err
		}
		if lost, err = word("/proc/net/netstat", "TcpExt:", "TCPTimeWaitOverflow"); err != nil {
			return "", err
		}
		if tw+lost >= n && tw > n/2 {
			return "ok", nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Sprintf("%d remembered, %d not for want of room", tw, lost), nil
}

// word finds a number in a file of /proc/net: behind its name on the line that begins with a title, or below it on the next such line.
func word(path, title, name string) (int, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	below := -1 // its place on the line below the names
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != title {
			continue
		}
		if below > 0 && below < len(f) {
			return strconv.Atoi(f[below])
		}
		i := slices.Index(f, name)
		if i < 0 || i+1 >= len(f) {
			continue
		}
		if n, err := strconv.Atoi(f[i+1]); err == nil {
			return n, nil
		}
		below = i
	}
	return 0, fmt.Errorf("no %s %s in %s", title, name, path)
}

// threads has so many blocked in the kernel at once. They come a few at a time: what the kernel itself needs for them, 16 KiB
// each, no gate holds back until the host has granted it.
func threads(n int) error {
	var wg sync.WaitGroup
	var stop []int
	for i := range n {
		if i%25 == 0 {
			time.Sleep(20 * time.Millisecond)
		}
		var p [2]int
		if err := syscall.Pipe(p[:]); err != nil {
			return err
		}
		stop = append(stop, p[1])
		wg.Go(func() {
			syscall.Read(p[0], make([]byte, 1)) // not by the poller: it holds a thread
			syscall.Close(p[0])
		})
	}
	var now int
	for range 200 {
		tasks, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			return err
		}
		if now = len(tasks); now >= n {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, fd := range stop {
		syscall.Close(fd)
	}
	wg.Wait()
	if now < n {
		return fmt.Errorf("%d threads", now)
	}
	return nil
}

// isrg is a root that the world's programs trust.
//
//go:embed isrg-root-x1.pem
var isrg []byte

// roots verifies an authority against those of the system.
func roots() (string, error) {
	block, _ := pem.Decode(isrg)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return "", err
	}
	chains, err := cert.Verify(x509.VerifyOptions{CurrentTime: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil {
		return "", err
	}
	return chains[0][0].Subject.CommonName, nil
}

func answer(l net.Listener, text string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		io.WriteString(c, text)
		c.Close()
	}
}

// ask returns all that the other side says.
func ask(network, address string) (string, error) {
	c, err := net.DialTimeout(network, address, 5*time.Second)
	if err != nil {
		return "", err
	}
	defer c.Close()
	b, err := io.ReadAll(c)
	return string(b), err
}

// serve answers on two TCP ports and one of UDP.
func serve() {
	one, err := net.Listen("tcp", ":7001")
	check("listen", func() (string, error) { return "ok", err })
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "web") })
	two, err := net.Listen("tcp", ":80")
	check("listen below 1024", func() (string, error) { return "ok", err })
	udp, err := net.ListenPacket("udp", ":7003")
	check("listen udp", func() (string, error) { return "ok", err })
	go answer(one, "one")
	go http.Serve(two, mux)
	go func() {
		b := make([]byte, 100)
		for {
			n, from, err := udp.ReadFrom(b)
			if err != nil {
				return
			}
			udp.WriteTo(append([]byte("udp "), b[:n]...), from)
		}
	}()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	line, _ := json.Marshal(found)
	fmt.Printf("expect %s\n", line)
	<-ctx.Done()
	fmt.Println("asked to end")
	os.Exit(3)
}
