// Package task has tasks with typed results, and futures.
//
// A [Task] is a function that runs in a scope and has a result; the scope that
// owns it is package scope's business. A [Future] is a result without a
// function: somebody sets it, or cancels it. Both are done once and stay done;
// any number of callers can wait, any number of times, and get the same answer.
//
//	user := task.Go(ctx, fetchUser)
//	u, err := user.Wait(ctx)
//
// The model is asyncio's Task and Future and anyioutils' create_task; unlike
// asyncio's, a failed task's error always reaches its scope, waited for or not.
package task
