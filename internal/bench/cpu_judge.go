package bench

import "fmt"

// The bars of the cpu benchmark.
var (
	grantRatioSysfs = Bar{"cpu.grant_ratio_sysfs", 1.0 / 15, Lower, "of sysfs"}
	grantRatioACPI  = Bar{"cpu.grant_ratio_acpi", 1.0 / 15, Lower, "of acpi"}
	revokeRatio     = Bar{"cpu.revoke_ratio", 1.0 / 15, Lower, "of the other"}
	parkedCost      = Bar{"cpu.parked_cost", 1, Lower, "% of a core"}
	steadyChanges   = Bar{"cpu.steady_changes", 0, Lower, "a minute"}
)

// judgeGrants makes the results of the grants.
func judgeGrants(stock string, t grantTimes) ([]Result, error) {
	p := func(of []float64) string {
		return fmt.Sprintf("p50 %s, p99 %s ms", figure(Quantile(of, 0.5)), figure(Quantile(of, 0.99)))
	}
	const timed = "in the guest, from the moment in which 32 goroutines become runnable on one vCPU, under a light load, to one of them running on another; " +
		"the same program and the same governor in all, and the time it takes to notice is in each figure"
	var results []Result
	for _, m := range []struct {
		bar         Bar
		silo, other []float64
		note        string
	}{
		{grantRatioSysfs, t.granted[grantSilo], t.granted[grantSysfs],
			fmt.Sprintf("silo, its host asked, %s, and where the host grants all at once %s, of which from the demand's being at the host to the guest's word that the grant is applied %s; "+
				"online by sysfs at once, no host asked, with %s %s, and with silo's own kernel %s; %s", p(t.granted[grantSilo]), p(t.granted[grantCalled]), p(t.asked),
				stock, p(t.granted[grantSysfs]), p(t.granted[grantOwn]), timed)},
		{grantRatioACPI, t.granted[grantSilo], t.granted[grantACPI],
			fmt.Sprintf("silo %s; device_add at once and online, with %s %s; one that did not come within its burst counts as the whole burst", p(t.granted[grantSilo]), stock, p(t.granted[grantACPI]))},
	} {
		r, err := m.bar.With(Quantile(m.silo, 0.5)/Quantile(m.other, 0.5), Ratios(m.silo, m.other), m.note)
		if err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	r, err := judgeRevokes(t, p)
	return append(results, r), err
}

// judgeRevokes makes the result of the worse of the two comparisons.
func judgeRevokes(t grantTimes, p func([]float64) string) (Result, error) {
	silo, sysfs, acpi := t.revoked[grantCalled], t.revoked[grantSysfs], t.revoked[grantUnplug]
	other, name := sysfs, "sysfs"
	if Quantile(acpi, 0.5) < Quantile(sysfs, 0.5) {
		other, name = acpi, "acpi"
	}
	return revokeRatio.With(Quantile(silo, 0.5)/Quantile(other, 0.5), Ratios(silo, other), fmt.Sprintf(
		"of %s, the quicker; in the middle of a burst; silo, from the host's word until it is told that all is done, %s; "+
			"offline by sysfs, in the guest only, with the stock kernel %s, and with silo's own %s; device_del until the guest's word that it is ejected %s",
		name, p(silo), p(sysfs), p(t.revoked[grantOwn]), p(acpi)))
}
