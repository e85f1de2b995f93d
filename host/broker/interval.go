package broker

// Interval is what the ledger knows of a guest's plugged memory, in bytes: at least Firm, at most
// Upper. It is the ledger's only arithmetic.
//
// The hypervisor lets a guest plug up to the size it was last asked for and unplug down to it,
// whenever the guest likes. So a size asked for belongs to the interval from the moment of asking,
// and an answer leaves everything between itself and that size possible.
type Interval struct {
	Firm  int64 `json:"firm"`
	Upper int64 `json:"upper"`
}

// ask returns the interval after the device was asked for total.
func (v Interval) ask(total int64) Interval {
	return Interval{Firm: min(v.Firm, total), Upper: max(v.Upper, total)}
}

// answered returns the interval once the device, asked for total, was measured at got.
func answered(total, got int64) Interval {
	return Interval{Firm: min(total, got), Upper: max(total, got)}
}
