package broker

import (
	"cmp"
	"slices"
)

// whole makes whole vCPUs of the shares of what is scarce: a guest whose second vCPU exists for a third of the time stops there
// with whatever lock it holds. Who would have more than one has the part taken off, and the parts make whole
// vCPUs for those who lack most of one; what is then left is the one part that there still is. Shares of one vCPU and
// less stay: alone, a vCPU keeps nobody waiting but itself. The sum stays the same.
func whole(shares []int64, claims []claim) []int64 {
	got, left := slices.Clone(shares), int64(0)
	var parted []int
	for i, c := range claims {
		if shares[i] > 1000 {
			got[i] = max(c.low, shares[i]/1000*1000)
			left += shares[i] - got[i]
		}
		if got[i] < shares[i] {
			parted = append(parted, i)
		}
	}
	slices.SortStableFunc(parted, func(i, j int) int { return cmp.Compare(shares[j]-got[j], shares[i]-got[i]) })
	for _, i := range parted {
		more := min(left, 1000, claims[i].want-got[i])
		got[i] += more
		left -= more
	}
	return got
}
