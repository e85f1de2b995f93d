// Command init is PID 1 of the guests that tests of the host's side boot. The word
// silotest=MODE on the kernel command line says what it does: "poweroff", "panic" and
// "reboot" do that at once; "idle", the default, obeys lines on the call channel's port.
package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/internal/vmtesting/noise"
)

func main() {
	for _, m := range [][2]string{{"devtmpfs", "/dev"}, {"sysfs", "/sys"}, {"proc", "/proc"}} {
		_ = os.MkdirAll(m[1], 0o755)
		if err := unix.Mount(m[0], m[1], m[0], 0, ""); err != nil {
			fmt.Println("silotest: mount", m[0], err)
		}
	}
	switch mode := os.Getenv("silotest"); mode {
	case "poweroff":
		end(unix.LINUX_REBOOT_CMD_POWER_OFF)
	case "reboot":
		end(unix.LINUX_REBOOT_CMD_RESTART)
	case "panic":
		fmt.Println("silotest: \x1b[31mabout to panic\x1b[0m")
		os.Exit(3) // the kernel panics when PID 1 ends
	default:
		fmt.Println("silotest: ready")
		obey(port())
	}
}

func end(how int) {
	_ = unix.Reboot(how)
	idle()
}

// idle stays. A Go program that only waits for itself would end, and the guest with it.
func idle() {
	for {
		time.Sleep(time.Hour)
	}
}

// port opens the call channel, which may appear late.
func port() *os.File {
	for {
		names, _ := filepath.Glob("/sys/class/virtio-ports/*/name")
		for _, name := range names {
			if b, _ := os.ReadFile(name); strings.TrimSpace(string(b)) == "silo.hvcall" {
				f, err := os.OpenFile("/dev/"+filepath.Base(filepath.Dir(name)), os.O_RDWR, 0)
				if err == nil {
					return f
				}
			}
		}
		time.Sleep(5 * time.Millisecond)
	}
}

var touched []byte

// obey answers each line with one line. The port ends while no host has it open.
func obey(f *os.File) {
	for ; ; time.Sleep(5 * time.Millisecond) {
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			word, arg, _ := strings.Cut(lines.Text(), " ")
			fmt.Fprintln(f, do(word, arg))
		}
	}
}

func do(word, arg string) string {
	switch word {
	case "ping":
		return "pong"
	case "touch":
		return touch(arg)
	case "noise":
		said := touch(arg)
		noise.Fill(touched, 1)
		return said
	case "free":
		err := unix.Munmap(touched)
		touched = nil
		return answer(err)
	case "say":
		fmt.Println(arg)
		return "ok"
	case "memory":
		b, err := os.ReadFile("/proc/meminfo")
		if err != nil {
			return answer(err)
		}
		return strings.Fields(string(b))[1]
	case "cpus":
		b, err := os.ReadFile("/sys/devices/system/cpu/" + arg)
		if err != nil {
			return answer(err)
		}
		return strings.TrimSpace(string(b))
	case "online":
		return answer(os.WriteFile("/sys/devices/system/cpu/cpu"+arg+"/online", []byte("1"), 0))
	case "panic":
		os.Exit(3)
	case "poweroff":
		end(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
	return "unknown word " + word
}

// touch makes so many bytes of memory exist.
func touch(arg string) string {
	n, err := strconv.Atoi(arg)
	if err != nil {
		return answer(err)
	}
	touched, err = unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE,
		unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_POPULATE)
	if err != nil {
		return answer(err)
	}
	for i := 0; i < n; i += 4096 {
		touched[i] = 1
	}
	return "ok"
}

func answer(err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok"
}
