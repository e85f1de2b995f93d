package vmm

import (
	"fmt"
	"strconv"
	"strings"
)

// PortName is the name of the call channel's virtio-serial port, as the guest sees it
// under /sys/class/virtio-ports.
const PortName = "silo.hvcall"

// elasticID is the virtio-mem device's id; its properties are found under elasticPath.
const (
	elasticID   = "elastic"
	elasticPath = "/machine/peripheral/" + elasticID
)

// hotplugBlock is the guest kernel's own unit of memory hotplug, bytes. Memory in an
// incomplete unit at the end of the device's region is of no use to it.
const hotplugBlock = 128 << 20

// Wiring says how QEMU is connected to whoever starts it. Each number is a descriptor
// that QEMU inherits, one end of a connected stream socket pair; 0 means none. The zero
// Wiring gives a command line that a person can run: the console on standard output, the
// guest running at once.
type Wiring struct {
	QMP    int // QEMU's monitor. With one, the guest waits for "cont"
	Port   int // the call channel
	Serial int // the kernel's console; 0 = standard output

	Detached          bool // QMP and Port are bound sockets that QEMU listens on, Serial is a file opened for appending
	Kernel, Initramfs int  // opened for reading, in place of their paths

	Tap   int   // the network device of a Bridge; 0 = one that QEMU makes and nobody attaches to anything
	Disks []int // opened as Config.Disks say; what is missing is opened by its path

	Memory int // a file with what is in the boot memory. With one, the guest waits to be restored and boots nothing
	Huge   int // a file in huge pages for what is plugged, or for all memory of a guest of constant size; 0 = QEMU makes files in the host's usual pages
}

// Args is the command line of QEMU without the program's name: a pure function of its
// values. An empty Accel counts as AccelTCG.
func (c Config) Args(w Wiring) []string {
	var a arguments
	a.add("-name", "guest="+escape(c.name())+",debug-threads=on")
	if c.Detached != nil {
		a.add("-uuid", c.Detached.UUID) // what Attach knows the machine by
	}
	a.flag("-no-user-config", "-nodefaults", "-no-reboot")
	a.add("-action", "reboot=shutdown,shutdown=poweroff,panic=shutdown,watchdog=shutdown")
	a.add("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny")
	a.add("-display", "none")
	a.processor(c)
	a.memory(c, w)
	a.monitor(w)
	a.console(w)
	a.devices(c, w)
	a.network(c, w)
	a.disks(c, w)
	a.boot(c, w)
	return a
}

// arguments grows into a command line.
type arguments []string

func (a *arguments) add(option, value string)  { *a = append(*a, option, value) }
func (a *arguments) flag(options ...string)    { *a = append(*a, options...) }
func (a *arguments) device(properties string)  { a.add("-device", properties) }
func (a *arguments) object(properties string)  { a.add("-object", properties) }
func (a *arguments) chardev(properties string) { a.add("-chardev", properties) }

func (c Config) name() string {
	if c.Name == "" {
		return "silo"
	}
	return c.Name
}

// processor picks the machine and its CPUs. The legacy devices that are switched off cost
// the guest's kernel time to probe.
func (a *arguments) processor(c Config) {
	a.add("-machine", "q35,memory-backend=boot,dump-guest-core=off,hpet=off,smm=off,sata=off,usb=off,i8042=off,smbus=off,vmport=off")
	a.flag(accelArgs(c.Accel)...)
	a.add("-smp", strconv.Itoa(c.VCPUs))
}

// accelArgs are the accelerator and the processor model that goes with it.
func accelArgs(accel string) []string {
	if accel == AccelKVM {
		return []string{"-accel", "kvm", "-cpu", "host"}
	}
	// Emulated, "rep stosb" works byte by byte; without the features that advertise it as
	// fast the kernel clears pages 2.3 times as fast.
	return []string{"-accel", "tcg,thread=multi", "-cpu", "max,-erms,-fsrm"}
}

// memory is two anonymous files: what is there at boot and what virtio-mem plugs. As files
// they show from outside how much of them exists, and can be handed on in a migration. One is sealed and the other is not, which
// tells them apart where they are of the same size (openMemory).
func (a *arguments) memory(c Config, w Wiring) {
	boot := "memory-backend-memfd,id=boot,share=on,reserve=off,size=" + sizeArg(c.BootMemory)
	switch {
	case w.Memory != 0:
		boot = inFile(w.Memory, "id=boot", c.BootMemory)
	case w.Huge != 0 && c.elastic() <= 0:
		boot = inFile(w.Huge, "id=boot,align=2M", c.BootMemory)
	}
	if c.elastic() <= 0 {
		a.add("-m", sizeArg(c.BootMemory))
		a.object(boot)
		return
	}
	region := c.elasticRegion()
	a.add("-m", sizeArg(c.BootMemory)+",maxmem="+sizeArg(c.BootMemory+region))
	a.object(boot)
	if w.Huge != 0 {
		a.object(inFile(w.Huge, "id=elastic-ram,align=2M", region))
	} else {
		a.object("memory-backend-memfd,id=elastic-ram,share=on,seal=off,reserve=off,size=" + sizeArg(region))
	}
	a.device("virtio-mem-pci,id=" + elasticID + ",memdev=elastic-ram,block-size=" + sizeArg(BlockSize) +
		",requested-size=0,unplugged-inaccessible=on")
}

// inFile is memory in a file that QEMU inherits.
func inFile(fd int, properties string, size int64) string {
	return fmt.Sprintf("memory-backend-file,mem-path=/proc/self/fd/%d,%s,share=on,reserve=off,size=%s", fd, properties, sizeArg(size))
}

// elasticRegion is the address space of the virtio-mem device: what it may plug, rounded
// up to the guest's unit of hotplug, and of large ones to an eighth of their size. Resize never asks for the
// rest. Guests whose maximum is what their host has free at the moment are so alike enough for one template.
func (c Config) elasticRegion() int64 {
	unit := int64(hotplugBlock)
	for 16*unit <= c.elastic() {
		unit *= 2
	}
	return min((c.elastic()+unit-1)/unit*unit, maxMemory)
}

func (a *arguments) monitor(w Wiring) {
	if w.QMP == 0 {
		return
	}
	a.chardev(w.socket("qmp", w.QMP))
	a.add("-mon", "chardev=qmp,mode=control")
	a.flag("-S") // the guest starts when somebody listens, so that no event of its end is lost
}

func (a *arguments) console(w Wiring) {
	switch {
	case w.Serial == 0:
		a.chardev("stdio,id=console,signal=off")
	case w.Detached:
		a.add("-add-fd", fmt.Sprintf("fd=%d,set=1", w.Serial))
		a.chardev("file,id=console,path=/dev/fdset/1,append=on")
	default:
		a.chardev(fmt.Sprintf("socket,id=console,fd=%d", w.Serial))
	}
	a.add("-serial", "chardev:console")
}

func (a *arguments) devices(c Config, w Wiring) {
	a.device("virtio-serial-pci,max_ports=2") // port 0 is reserved for a console
	if w.Port != 0 {
		a.chardev(w.socket("hvcall", w.Port))
	} else {
		a.chardev("null,id=hvcall")
	}
	a.device("virtserialport,chardev=hvcall,name=" + PortName)
	a.device("virtio-balloon-pci,free-page-reporting=on")
	a.device("virtio-rng-pci")
	a.device("pvpanic-pci")
}

func (a *arguments) network(c Config, w Wiring) {
	switch {
	case c.Bridge != nil:
		a.bridge(c, w)
		return
	case c.Network == NetworkNone:
		return
	}
	dev := []string{"user", "id=net"}
	if c.Network == NetworkRestricted {
		dev = append(dev, "restrict=on")
	}
	for _, f := range c.Forwards {
		f = f.withDefaults()
		dev = append(dev, fmt.Sprintf("hostfwd=%s:%s:%d-:%d", f.Proto, f.HostIP, f.HostPort, f.GuestPort))
	}
	a.add("-netdev", strings.Join(dev, ","))
	a.device("virtio-net-pci,netdev=net,romfile=") // nobody boots from it
}

func (a *arguments) bridge(c Config, w Wiring) {
	dev := "tap,id=net,script=no,downscript=no"
	if w.Tap != 0 {
		dev = fmt.Sprintf("tap,id=net,fd=%d", w.Tap)
	}
	a.add("-netdev", dev)
	a.device("virtio-net-pci,netdev=net,romfile=,mac=" + c.Bridge.HardwareAddr())
}

func (a *arguments) boot(c Config, w Wiring) {
	if c.Firmware != "" {
		a.add("-bios", c.Firmware)
	}
	if w.Memory != 0 || c.Incoming {
		a.add("-incoming", "defer")
		return
	}
	a.add("-kernel", inherited(w.Kernel, c.Kernel))
	if c.Initramfs != "" {
		a.add("-initrd", inherited(w.Initramfs, c.Initramfs))
	}
	a.add("-append", c.kernelCmdline())
}

// socket is a chardev over an inherited descriptor.
func (w Wiring) socket(id string, fd int) string {
	s := fmt.Sprintf("socket,id=%s,fd=%d", id, fd)
	if w.Detached {
		s += ",server=on,wait=off"
	}
	return s
}

// inherited is the path of a descriptor that QEMU has, or path where it has none.
func inherited(fd int, path string) string {
	if fd == 0 {
		return path
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd)
}

// sizeArg writes a size so that QEMU takes it as bytes wherever it stands: -m alone would
// take a bare number for MiB.
func sizeArg(n int64) string { return strconv.FormatInt(n, 10) + "B" }

// escape makes a value safe inside QEMU's comma-separated options.
func escape(s string) string { return strings.ReplaceAll(s, ",", ",,") }
