package pid1

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/u-root/u-root/pkg/ulog"
	"golang.org/x/sys/unix"
)

// The kernel gives a core to a program that it starts for it, on its standard input, and waits while nobody reads. That program is
// this one again: it hands its input to the first process and is gone before the core is read.

// coreSocket is where the first process waits for it: a name that is in no file system.
const coreSocket = "@silo/core"

// coreWord tells the program what it was started for.
const coreWord = "core"

// setCorePattern has the kernel start this program for each process that crashes: with its number, and its signal's.
func setCorePattern() error {
	return os.WriteFile("/proc/sys/kernel/core_pattern", []byte("|/init "+coreWord+" %P %s"), 0)
}

func coreAddr() *net.UnixAddr { return &net.UnixAddr{Name: coreSocket, Net: "unix"} }

func listenForCores() (*net.UnixListener, error) {
	l, err := net.ListenUnix("unix", coreAddr())
	if err != nil {
		return nil, fmt.Errorf("listen for cores: %w", err)
	}
	return l, nil
}

// helpWithCore is the whole life of the program that the kernel starts.
func helpWithCore(args []string) int {
	if len(args) != 4 || args[1] != coreWord {
		fmt.Fprintln(os.Stderr, "this is the first process of a silo guest, and is of no use to others")
		return 2
	}
	if err := handOver(args[2]+" "+args[3], os.Stdin); err != nil {
		ulog.KernelLog.Printf("silo: core of process %s lost: %v", args[2], err)
		return 1
	}
	return 0
}

func handOver(what string, core *os.File) error {
	conn, err := net.DialUnix("unix", nil, coreAddr())
	if err != nil {
		return err
	}
	defer conn.Close()
	_, _, err = conn.WriteMsgUnix([]byte(what), unix.UnixRights(int(core.Fd())), nil)
	return err
}

// handed is a core that a helper handed over.
type handed struct {
	pid, signal int
	from        *os.File
}

// handedWithin is how long a helper may take.
const handedWithin = 10 * time.Second

// receiveCore is the other side of handOver. It closes conn.
func receiveCore(conn *net.UnixConn) (h handed, err error) {
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(handedWithin)); err != nil {
		return h, err
	}
	text, rights := make([]byte, 64), make([]byte, unix.CmsgSpace(4))
	n, m, _, _, err := conn.ReadMsgUnix(text, rights)
	if err != nil {
		return h, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:m])
	if err != nil || len(messages) != 1 {
		return h, errors.Join(err, syscall.EBADMSG)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return h, errors.Join(err, syscall.EBADMSG)
	}
	unix.CloseOnExec(fds[0])
	err = unix.SetNonblock(fds[0], true) // so that who waits for it keeps no thread
	h.from = os.NewFile(uintptr(fds[0]), "core")
	if err == nil {
		_, err = fmt.Sscanf(string(text[:n]), "%d %d", &h.pid, &h.signal)
	}
	if err != nil {
		h.from.Close()
	}
	return h, err
}
