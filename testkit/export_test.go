package testkit

// RunMain is Main with any function that runs tests.
var RunMain = runMain

// SeedsFromEnv is what Schedules runs under.
var SeedsFromEnv = seedsFromEnv
