// Package timeline draws what a guest demanded, was granted and really took on the host, over time: a
// picture for somebody who has not read the code.
//
// A [Timeline] is a value; [Timeline.SVG] draws it as three panels over one time axis: memory, vCPUs and
// stalls, with the phases of the run marked through all of them.
//
//	svg, err := timeline.Timeline{Title: "…", Samples: samples, Phases: phases}.SVG()
package timeline
