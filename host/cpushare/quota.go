package cpushare

// The kernel counts a quota in each period anew. A short period is a short pause for who has used his up.
const (
	period     = 20_000    // microseconds
	leastQuota = 1_000     // microseconds; the kernel takes no less
	mostPeriod = 1_000_000 // microseconds; the kernel takes no more
)

// quota is so much processor time in each period, microseconds both.
type quota struct{ runtime, period int64 }

// quotaOf is a cap as the kernel wants it. A cap so small that its quota would be below the least gets a
// longer period.
func quotaOf(milli int64) quota {
	q := quota{milli * period / 1000, period}
	if q.runtime < leastQuota {
		q.runtime = leastQuota
		q.period = min(leastQuota*1000/max(milli, 1), mostPeriod)
	}
	return q
}

// sharesOf is a weight in the unit of version 1, where one ordinary thread weighs 1024.
func sharesOf(milli int64) int64 { return min(max(milli*1024/1000, 2), 262_144) }

// weightOf is a weight in the unit of version 2, where one ordinary thread weighs 100.
func weightOf(milli int64) int64 { return min(max(milli/10, 1), 10_000) }
