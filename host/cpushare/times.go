package cpushare

import (
	"fmt"
	"time"
)

// Times are sums over a machine's vCPU threads since they began.
type Times struct {
	Ran       time.Duration
	Waited    time.Duration // could have run and had no processor, the next included
	Throttled time.Duration // were kept from running by their own quota, summed over processors
}

// Read returns what the kernel counted until now.
func (sh *Share) Read() (t Times, err error) {
	for _, tid := range sh.threads {
		p, err := sh.proc.Thread(sh.pid, tid)
		if err != nil {
			return Times{}, fmt.Errorf("read vCPU times: %w", err)
		}
		s, err := p.Schedstat()
		if err != nil {
			return Times{}, fmt.Errorf("read vCPU times: %w", err)
		}
		t.Ran += time.Duration(s.RunningNanoseconds)
		t.Waited += time.Duration(s.WaitingNanoseconds)
	}
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.advisory || sh.closed {
		return t, nil
	}
	t.Throttled, err = sh.vcpus.throttled()
	return t, err
}
