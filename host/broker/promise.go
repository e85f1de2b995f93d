package broker

// Promise is an amount that a guest was granted under a serial: bytes, or thousandths of a vCPU.
type Promise struct {
	Serial uint64 `json:"serial"`
	Amount int64  `json:"amount"`
}

// maxPromises bounds what a guest that never applies a grant can make the host remember.
const maxPromises = 32

// Promises are the grants a guest may still act upon, oldest first: the one it applied last and
// all after it. A promise is left out when a later one is as large, because only the largest
// matters; so they fall strictly, and the first is the most the guest may use.
type Promises []Promise

// upper is the most that the guest may use.
func (p Promises) upper() int64 {
	if len(p) == 0 {
		return 0
	}
	return p[0].Amount
}

// add returns the promises with one more. Where there are too many the oldest is held to be as
// good as the one after it, which errs on the side of the ledger.
func (p Promises) add(n Promise) Promises {
	for len(p) > 0 && p[len(p)-1].Amount <= n.Amount {
		p = p[:len(p)-1]
	}
	p = append(p, n)
	if len(p) > maxPromises {
		p[1].Amount = p[0].Amount
		p = p[1:]
	}
	return p
}

// applied returns the promises that are left once the guest acts upon serial or a later one.
func (p Promises) applied(serial uint64) Promises {
	for len(p) > 1 && p[0].Serial < serial {
		p = p[1:]
	}
	return p
}
