package vmm

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

const (
	// cameInPoll is how often QEMU is asked whether the guest is there, when it did not say that something happened. Each answer takes time
	// from the taking in.
	cameInPoll = 50 * time.Millisecond
	// cameInSoon is how often it is asked after it did: it says so a moment before it is.
	cameInSoon = time.Millisecond / 2
	// cameInRounds is how often at most.
	cameInRounds = 40
)

// Receive has a machine made with Config.Incoming wait for its guest at an address of this host, with ports of its choice, and
// returns how it is sent there, but for the identity. Of a guest that stands still (StandsStill of the other machine) it takes the memory by itself.
func (vm *VM) Receive(ctx context.Context, host string, id Identity, still bool) (s Sending, err error) {
	if still {
		if port, err := vm.takeMemory(host, id); err == nil {
			s.Memory = net.JoinHostPort(host, port)
		} else {
			vm.cfg.logger().Warn("memory not taken by itself: qemu copies it, which takes longer", "name", vm.cfg.name(), "err", err)
		}
	}
	err = vm.setMigration(ctx, s.Memory != "")
	if err == nil {
		err = vm.identify(ctx, id, "server")
	}
	if err == nil {
		err = vm.monitor.Execute(ctx, "migrate-incoming", map[string]string{"uri": "tcp:" + net.JoinHostPort(host, "0")}, nil)
	}
	var m migration
	if err == nil {
		m, err = vm.migration(ctx)
	}
	if err != nil {
		return Sending{}, fmt.Errorf("receive guest: %w", vm.explain(err))
	}
	for _, a := range m.Addresses {
		if a.Type == "inet" {
			s.To = net.JoinHostPort(host, a.Port)
			return s, nil
		}
	}
	return Sending{}, fmt.Errorf("receive guest: qemu does not say where it listens")
}

// CameIn waits until all of the guest is there. It stands still then. Its driver will find itself told of its size once more: one that
// could not do as it was told on the way would try again by itself only after a minute or more.
func (vm *VM) CameIn(ctx context.Context) error {
	poll := cameInPoll
	for rounds := 0; ; rounds++ {
		is, err := vm.Doing(ctx)
		if err != nil {
			return err
		}
		if is != Waits {
			if err := vm.hasMemory(); err != nil {
				return err
			}
			return vm.poke(ctx)
		}
		select {
		case <-vm.migrated:
			poll, rounds = cameInSoon, 0
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-vm.done:
			return ErrNotRunning
		case <-time.After(poll):
			if rounds >= cameInRounds {
				poll = cameInPoll
			}
		}
	}
}

// hasMemory proves that the memory of a guest came in before all else did.
func (vm *VM) hasMemory() error {
	if vm.memoryCame == nil {
		return nil
	}
	select {
	case <-vm.memoryCame:
		return nil
	default:
		return errors.New("receive guest: it came in without its memory")
	}
}

// poke tells the guest's driver the size again that it was told before.
func (vm *VM) poke(ctx context.Context) error {
	if vm.cfg.elastic() <= 0 {
		return nil
	}
	device := virtioMem{vm.monitor}
	size, err := device.Requested(ctx)
	if err == nil {
		err = device.Request(ctx, size)
	}
	return vm.explain(err)
}
