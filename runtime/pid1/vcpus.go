package pid1

import "time"

// ackWithin is how long the application may take to lower its GOMAXPROCS before its cpuset is
// narrowed all the same.
const ackWithin = 100 * time.Millisecond

// vcpus moves the application's width between what it wants and what the host grants. It is pure;
// the control loop carries out what next returns. The order of each change is the point: grow
// online → cpuset → GOMAXPROCS, shrink GOMAXPROCS → cpuset → told.
type vcpus struct {
	granted uint32        // by the host, thousandths
	wanted  uint32        // by the application, thousandths
	ahead   int           // asked for before the application did, whole vCPUs; 0 = none, see bell
	most    int           // that the guest can ever have
	width   int           // of the cpuset
	running int           // online
	speaks  bool          // the application follows grants by itself
	hold    time.Duration // no narrowing before this time: a starting process counts its vCPUs

	starting bool          // bringing vCPUs online
	askedAt  time.Duration // since when the application is asked to shrink; 0 = it is not
	asked    int
}

// vcpuAction is what to do next.
type vcpuAction uint8

const (
	vcpuNothing vcpuAction = iota
	vcpuStart              // bring `to` vCPUs online, then call started
	vcpuWiden              // set the cpuset to `to`, then tell the application
	vcpuAsk                // tell the application to use only `to`
	vcpuNarrow             // set the cpuset to `to`
)

// target is how many vCPUs the application should have.
func (v *vcpus) target() int { return min(wholeCPUs(v.granted), wholeCPUs(v.demanded())) }

// demanded is what the host is asked for, thousandths.
func (v *vcpus) demanded() uint32 { return max(v.wanted, uint32(v.ahead)*1000) }

// usable is how many thousandths of a vCPU the application may use now, where the last vCPU may be a part of one.
func (v *vcpus) usable() uint32 {
	return max(1, min(v.granted, uint32(max(v.width, 1))*1000, uint32(v.target())*1000))
}

// next says what to do now.
func (v *vcpus) next(now time.Duration) (vcpuAction, int) {
	to := v.target()
	switch {
	case to == v.width:
		v.askedAt = 0
		return vcpuNothing, to
	case to > v.width && v.running < to:
		if v.starting {
			return vcpuNothing, to
		}
		v.starting = true
		return vcpuStart, to
	case to > v.width:
		v.width, v.askedAt = to, 0
		return vcpuWiden, to
	case now < v.hold:
		return vcpuNothing, to
	}
	// It shrank by itself if it wants no more than that: then GOMAXPROCS is down already.
	if !v.speaks || wholeCPUs(v.wanted) <= to || v.procs(v.width) <= v.procs(to) || (v.askedAt != 0 && v.asked == to && now-v.askedAt >= ackWithin) {
		v.width, v.askedAt = to, 0
		return vcpuNarrow, to
	}
	if v.askedAt != 0 && v.asked == to {
		return vcpuNothing, to
	}
	v.askedAt, v.asked = max(now, 1), to
	return vcpuAsk, to
}

// procs is the GOMAXPROCS of an application that follows a width: one more than vCPUs, as far as it could ever use it, see sched.
func (v *vcpus) procs(width int) int { return min(width+1, max(v.most, 1)) }

// started takes in that so many are online.
func (v *vcpus) started(n int) { v.starting, v.running = false, max(v.running, n) }

// notStarted takes in that none came online: those that run are what is granted, until a newer grant says otherwise.
func (v *vcpus) notStarted() {
	v.starting = false
	v.granted = uint32(max(v.running, 1)) * 1000
}

// acknowledged takes in that the application follows what it was asked.
func (v *vcpus) acknowledged() bool {
	if v.askedAt == 0 {
		return false
	}
	v.width, v.askedAt = v.asked, 0
	return true
}

// settled reports that the application has no more than the host granted.
func (v *vcpus) settled() bool { return v.width <= wholeCPUs(v.granted) }
