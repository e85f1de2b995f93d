package pid1

import (
	"errors"
	"os"
	"runtime"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/silo-os/silo/hvcall"
)

// visible is how many vCPUs an application sees when it starts, where the guest has so many. The Go
// runtime decides by that number, once, whether a mutex is worth spinning for.
const visible = 2

// preparation is all that a guest needs before its application. What does not depend on the host's
// answer is begun before the host is asked, and everything at the same time: most of it is waiting,
// for another vCPU or for the kernel.
type preparation struct {
	group    errgroup.Group
	answered errgroup.Group // what depends on the host's answer
	volumes  errgroup.Group
	umask    int
	kernel   kernel
	launcher *launcher
	running  int // vCPUs online

	mounted []mount // the volumes, once volumes is through
}

func prepare() *preparation {
	p := &preparation{umask: unix.Umask(0), running: 1}
	p.group.Go(p.startVCPUs)
	p.group.Go(p.makeGroups)
	p.group.Go(p.kernel.open)
	p.group.Go(makeFiles)
	p.group.Go(loopbackUp)
	p.group.Go(tune)
	p.group.Go(allowFiles)
	p.group.Go(rehearse)
	return p
}

// rehearse reads a Welcome before there is one. The JSON package takes types apart when it meets them first,
// which is most of the work; done now it is not waited for later, and a template has it done.
func rehearse() error {
	_, err := hvcall.DecodeWelcome([]byte(`{"grant":{},"args":[""],"network":{},"seed":""}`))
	return err
}

// startVCPUs brings up what the application will see. This process uses them as well until the
// application runs.
func (p *preparation) startVCPUs() error {
	err := p.kernel.online(visible)
	if errors.Is(err, os.ErrNotExist) {
		return nil // the guest has one
	}
	if err == nil {
		p.running = visible
		runtime.GOMAXPROCS(visible)
	}
	return err
}

func (p *preparation) makeGroups() (err error) {
	if err := create(mountsCgroups); err != nil {
		return err
	}
	if p.kernel.mem, err = newMemoryGroup(); err != nil {
		return err
	}
	if err := p.firstLimit(); err != nil {
		return err
	}
	if p.kernel.cpus, err = newCPUGroup(1); err != nil {
		return err
	}
	if p.kernel.counts, err = newCountGroup(); err != nil {
		return err
	}
	p.launcher, err = newLauncher(p.kernel.mem.cgroup, p.kernel.cpus.cgroup)
	return err
}

// firstLimit lets the application have half of what is free until the control loop knows better, which is
// while the application loads. One that is quicker than that waits at its gate.
func (p *preparation) firstLimit() error {
	m, err := readMemory()
	if err != nil {
		return err
	}
	return p.kernel.mem.setLimit(m.free / 2)
}

// welcomed begins what depends on the host's answer and waits for what does not: from then on the guest can
// be governed.
func (p *preparation) welcomed(w hvcall.Welcome) error {
	if err := setClock(w.UnixNanos); err != nil {
		return err
	}
	if err := reseed("/dev/urandom", w.Seed); err != nil {
		return err
	}
	p.answered.Go(func() error { return configureNetwork(w.Network) })
	p.answered.Go(func() error { return setLimits(int64(w.Memory.Max)) })
	p.answered.Go(func() error { return placeZone(w.Env, zonesArchive, zonesFolder) })
	p.volumes.Go(func() (err error) {
		p.mounted, err = mountVolumes(w.Volumes)
		return err
	})
	return nil
}

// wait waits for what does not depend on the host's answer.
func (p *preparation) wait() error {
	if err := p.group.Wait(); err != nil {
		return err
	}
	return p.kernel.setWidth(p.running)
}

// makeFiles makes the folders and files that an application expects.
func makeFiles() error {
	if err := create(mountsThen); err != nil {
		return err
	}
	return writeFiles([]file{
		{"/etc/passwd", "root:x:0:0:root:/:/sbin/nologin\nnobody:x:65534:65534:nobody:/:/sbin/nologin\n"},
		{"/etc/group", "root:x:0:\nnogroup:x:65534:\n"},
	})
}

// finish waits for the rest: from then on there can be an application.
func (p *preparation) finish(w hvcall.Welcome) error {
	defer unix.Umask(p.umask)
	if err := writeNames(w.Name, w.Network); err != nil {
		return err
	}
	return errors.Join(p.answered.Wait(), p.volumes.Wait())
}

// release gives the volumes back, wherever the guest stopped.
func (p *preparation) release() error {
	_ = p.volumes.Wait() // told by finish
	return releaseVolumes(p.mounted)
}
