package otelx

// Boundaries are always said: the SDK's own would put every duration in seconds
// into one bucket.
var (
	durations = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60}
	lags      = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
)

// The metrics, and where a Meter has the instrument. Names are API.
var metricTable = []metricRow{
	{"corral.task.duration", "s", durations, keys{attrTaskName, attrTaskResult, attrErrorType}, func(m *Meter) instrument { return &m.taskDuration }, "How long tasks ran, from the first instruction to the end."},
	{"corral.task.active", "{task}", nil, keys{attrTaskName}, func(m *Meter) instrument { return &m.active }, "Tasks that have begun and not ended."},
	{"corral.task.schedule.duration", "s", durations, keys{attrTaskName}, func(m *Meter) instrument { return &m.schedule }, "From the spawn of a task to its first instruction."},
	{"corral.cancel.latency", "s", durations, keys{attrTaskName, attrCancelKind}, func(m *Meter) instrument { return &m.cancelLatency }, "From the cancellation to the end of each task that was ended by it."},
	{"corral.wait.duration", "s", durations, keys{attrWaitName, attrWaitKind}, func(m *Meter) instrument { return &m.wait }, "How long operations were blocked; those that were not do not count."},
	{"corral.queue.operation.duration", "s", durations, keys{attrQueueName, attrQueueOp, attrErrorType}, func(m *Meter) instrument { return &m.queueOp }, "How long queue operations took, waiting included."},
	{"corral.queue.item.time_in_queue", "s", durations, keys{attrQueueName}, func(m *Meter) instrument { return &m.timeInQueue }, "How long items were in a queue."},
	{"corral.queue.size", "{item}", nil, keys{attrQueueName}, func(m *Meter) instrument { return &m.queueSize }, "Items in the queues of that name."},
	{"corral.queue.capacity", "{item}", nil, keys{attrQueueName}, func(m *Meter) instrument { return &m.queueCap }, "Items that the bounded queues of that name hold at most. One that is closed and empty does not count."},
	{"corral.limiter.usage", "{token}", nil, keys{attrLimiterName}, func(m *Meter) instrument { return &m.usage }, "Tokens that are borrowed from the limiters of that name."},
	{"corral.limiter.limit", "{token}", nil, keys{attrLimiterName}, func(m *Meter) instrument { return &m.limit }, "Tokens that the limiters of that name have."},
	{"corral.limiter.pending_requests", "{request}", nil, keys{attrLimiterName}, func(m *Meter) instrument { return &m.pending }, "Requests that wait for a token."},
	{"corral.loop.delay", "s", lags, keys{attrLoopName}, func(m *Meter) instrument { return &m.loopDelay }, "Lag of the scheduler, as the Monitor measures it."},
	{"corral.loop.saturation", "1", nil, keys{attrLoopName}, func(m *Meter) instrument { return &m.saturation }, "The Monitor's result: measured turn to period, 1 or more."},
	{"corral.loop.runnable", "1", nil, keys{attrLoopName}, func(m *Meter) instrument { return &m.runnable }, "Runnable goroutines per processor."},
	{"corral.spans.suppressed", "{span}", nil, keys{attrOp, attrReason}, func(m *Meter) instrument { return &m.suppressed }, "Leaf spans that were not made: budget, they were merged into one; level, it leaves them out."},
}
