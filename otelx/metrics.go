package otelx

// Boundaries are always said: the SDK's own would put every duration in seconds
// into one bucket.
var (
	durations = []float64{.0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5, 10, 60}
	lags      = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
)

// The metrics. Names are API.
var (
	mTaskDuration = metricOf("corral.task.duration", histogram, "s", durations,
		"How long tasks ran, from the first instruction to the end.", attrTaskName, attrTaskResult, attrErrorType)
	mTaskActive = metricOf("corral.task.active", observableUpDownCounter, "{task}", nil,
		"Tasks that have begun and not ended.", attrTaskName)
	mSchedule = metricOf("corral.task.schedule.duration", histogram, "s", durations,
		"From the spawn of a task to its first instruction.", attrTaskName)
	mCancelLatency = metricOf("corral.cancel.latency", histogram, "s", durations,
		"From the cancellation to the end of each task that was ended by it.", attrTaskName, attrCancelKind)
	mWait = metricOf("corral.wait.duration", histogram, "s", durations,
		"How long operations were blocked; those that were not do not count.", attrWaitName, attrWaitKind)
	mQueueOp = metricOf("corral.queue.operation.duration", histogram, "s", durations,
		"How long queue operations took, waiting included.", attrQueueName, attrQueueOp, attrErrorType)
	mTimeInQueue = metricOf("corral.queue.item.time_in_queue", histogram, "s", durations,
		"How long items were in a queue.", attrQueueName)
	mQueueSize = metricOf("corral.queue.size", observableUpDownCounter, "{item}", nil,
		"Items in the queues of that name.", attrQueueName)
	mQueueCapacity = metricOf("corral.queue.capacity", observableUpDownCounter, "{item}", nil,
		"Items that the bounded queues of that name hold at most.", attrQueueName)
	mLimiterUsage = metricOf("corral.limiter.usage", observableUpDownCounter, "{token}", nil,
		"Tokens that are borrowed from the limiters of that name.", attrLimiterName)
	mLimiterLimit = metricOf("corral.limiter.limit", observableUpDownCounter, "{token}", nil,
		"Tokens that the limiters of that name have.", attrLimiterName)
	mLimiterPending = metricOf("corral.limiter.pending_requests", observableUpDownCounter, "{request}", nil,
		"Requests that wait for a token.", attrLimiterName)
	mLoopDelay = metricOf("corral.loop.delay", histogram, "s", lags,
		"Lag of the scheduler, as the Monitor measures it.", attrLoopName)
	mLoopSaturation = metricOf("corral.loop.saturation", gauge, "1", nil,
		"The Monitor's result: measured turn to period, 1 or more.", attrLoopName)
	mLoopRunnable = metricOf("corral.loop.runnable", gauge, "1", nil,
		"Runnable goroutines per processor.", attrLoopName)
	mSuppressed = metricOf("corral.spans.suppressed", counter, "{span}", nil,
		"Leaf spans that were not made: budget, they were merged into one; level, it leaves them out.", attrOp, attrReason)
)
