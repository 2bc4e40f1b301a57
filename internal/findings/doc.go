// Package findings says what the live tree shows: who runs and who waits, with
// siblings that look alike counted rather than listed, what is waited for, and
// what is wrong with it. It is what the text dump and the page of the inspector
// have in common.
//
// [Look] walks the tree once, and a second time if something looks like a
// deadlock: what is reported as certain was seen twice, as one and the same
// wait. It keeps memory for groups, not for tasks, holds no lock while it
// thinks, and remembers nothing.
package findings
