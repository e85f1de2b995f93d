package vmm

// What tests outside the package need of its inside.
var (
	BootProbe  = bootProbe
	ProbeGuest = probeGuest

	ElasticRegion = Config.elasticRegion
)
