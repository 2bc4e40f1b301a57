package otelx_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
	"github.com/corral-go/corral/testkit"
)

// points prints the data points of a metric: attributes, and count and sum of a
// histogram, or the value.
func (r *recording) points(name string) map[string]string {
	r.t.Helper()
	all := map[string]string{}
	key := func(set attribute.Set) string { return strings.Join(lines(set.ToSlice()), " ") }
	switch data := collect(r.t, r.reader)[name].Data.(type) {
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			all[key(p.Attributes)] = fmt.Sprintf("%d %.9f", p.Count, p.Sum)
		}
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			all[key(p.Attributes)] = fmt.Sprint(p.Value)
		}
	case nil:
	default:
		r.t.Fatalf("%s is a %T", name, data)
	}
	return all
}

func TestTaskMetrics(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			for range 2 {
				scope.Go(ctx, sleep(2*time.Second), scope.Name("ok"))
			}
			scope.Go(ctx, failAfter(3*time.Second, errBoom), scope.Name("bad"))
			scope.Go(ctx, sleep(time.Hour), scope.Name("canceled"))
			scope.Go(ctx, sleep(time.Hour), scope.Name("late"), scope.Timeout(time.Second),
				scope.OnError(func(context.Context, error) bool { return true }))
			scope.Go(ctx, func(ctx context.Context) error { _ = scope.Sleep(ctx, time.Second); panic("x") }, scope.Name("p"),
				scope.In(scope.From(ctx)))
			time.Sleep(500 * time.Millisecond)
			synctest.Wait()
			require.Equal(t, map[string]string{
				"corral.task.name=ok": "2", "corral.task.name=bad": "1", "corral.task.name=canceled": "1",
				"corral.task.name=late": "1", "corral.task.name=p": "1",
			}, r.points("corral.task.active"))
			return nil
		}, scope.Supervise(func(error) {}), scope.Timeout(4*time.Second), scope.MoveOn())
		require.Equal(t, map[string]string{
			"corral.task.name=ok corral.task.result=success":                                 "2 4.000000000",
			"corral.task.name=late corral.task.result=success":                               "1 1.000000000",
			"corral.task.name=canceled corral.task.result=timeout error.type=timeout":        "1 4.000000000",
			"corral.task.name=p corral.task.result=panic error.type=panic":                   "1 1.000000000",
			"corral.task.name=bad corral.task.result=failure error.type=*errors.errorString": "1 3.000000000",
		}, r.points("corral.task.duration"))
		require.Equal(t, map[string]string{
			"corral.task.name=ok": "0", "corral.task.name=bad": "0", "corral.task.name=canceled": "0",
			"corral.task.name=late": "0", "corral.task.name=p": "0",
		}, r.points("corral.task.active"))
		require.Equal(t, map[string]string{"corral.cancel.kind=deadline corral.task.name=canceled": "1 0.000000000"},
			r.points("corral.cancel.latency"))
		require.Equal(t, "2 0.000000000", r.points("corral.task.schedule.duration")["corral.task.name=ok"])
	})
}

// From the request to the end of the task that needed time to clean up.
func TestCancelLatency(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, func(ctx context.Context) error {
				_ = scope.Sleep(ctx, time.Hour)
				_ = scope.Shielded(ctx, time.Minute, sleep(2*time.Second))
				return ctx.Err()
			}, scope.Name("slow"))
			_ = scope.Sleep(ctx, time.Second)
			scope.From(ctx).Cancel(nil)
			return nil
		}, scope.Name("s"))
		require.Equal(t, map[string]string{"corral.cancel.kind=explicit corral.task.name=slow": "1 2.000000000"},
			r.points("corral.cancel.latency"))
		took, _ := value(r.one("scope s").Events()[0].Attributes, "corral.cancel.duration")
		require.InDelta(t, 2, took.AsFloat64(), 0)
	})
}

func TestScheduleDelay(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			scope.Go(ctx, sleep(3*time.Second), scope.Name("first"))
			scope.Go(ctx, sleep(0), scope.Name("second"))
			return nil
		}, scope.Limit(1))
		require.Equal(t, "1 3.000000000", r.points("corral.task.schedule.duration")["corral.task.name=second"])
		require.Equal(t, "3.000000000", text(r.one("task second"), "corral.task.schedule_delay"))
	})
}

func TestWaitAndQueueMetrics(t *testing.T) {
	testkit.Guard(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, r := record(t, false)
		_ = scope.Run(ctx, func(ctx context.Context) error {
			q, unbounded := csync.NewQueue[int](1, csync.Name("jobs")), new(csync.Queue[int])
			_ = unbounded.Put(ctx, 1)
			getter := scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name("getter"))
			_ = scope.Sleep(ctx, time.Second)
			_ = q.Put(ctx, 1) // handed over
			_ = getter.Wait(ctx)
			_ = q.Put(ctx, 2)
			scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, 3) }, scope.Name("putter")) // waits for room
			_ = scope.Sleep(ctx, 2*time.Second)
			_, _ = q.Get(ctx) // was in the queue for two seconds
			synctest.Wait()
			require.Equal(t, map[string]string{"corral.queue.name=jobs": "1", "corral.queue.name=_unnamed": "1"}, r.points("corral.queue.size"))
			require.Equal(t, map[string]string{"corral.queue.name=jobs": "1"}, r.points("corral.queue.capacity"))
			_ = scope.Sleep(ctx, time.Second)
			_, _ = q.Get(ctx) // was in the queue for one second, and waited for two before
			_, err := q.TryGet(ctx)
			require.ErrorIs(t, err, csync.ErrQueueEmpty)
			runtime.KeepAlive(unbounded)
			return nil
		})
		require.Equal(t, map[string]string{
			"corral.wait.kind=queue.get corral.wait.name=jobs":   "1 1.000000000",
			"corral.wait.kind=queue.put corral.wait.name=jobs":   "1 2.000000000",
			"corral.wait.kind=task.wait corral.wait.name=getter": "1 0.000000000",
		}, without(r.points("corral.wait.duration"), "getter"), "the wait for the getter may be none")
		require.Equal(t, map[string]string{"corral.queue.name=jobs": "3 3.000000000"}, r.points("corral.queue.item.time_in_queue"))
		require.Equal(t, map[string]string{
			"corral.queue.name=_unnamed corral.queue.operation=put":                    "1 0.000000000",
			"corral.queue.name=jobs corral.queue.operation=get":                        "3 1.000000000",
			"corral.queue.name=jobs corral.queue.operation=get error.type=queue_empty": "1 0.000000000",
			"corral.queue.name=jobs corral.queue.operation=put":                        "3 2.000000000",
		}, r.points("corral.queue.operation.duration"))
	})
}

// without makes the point of a wait that may or may not have happened be there.
func without(points map[string]string, name string) map[string]string {
	points["corral.wait.kind=task.wait corral.wait.name="+name] = "1 0.000000000"
	return points
}

// A queue that is not used any more is not measured, and not kept.
func TestForgottenQueueIsNotMeasured(t *testing.T) {
	testkit.Guard(t)
	ctx, r := record(t, false)
	_ = scope.Run(ctx, func(ctx context.Context) error {
		return csync.NewQueue[*[1 << 20]byte](1, csync.Name("gone")).Put(ctx, new([1 << 20]byte))
	})
	for len(r.points("corral.queue.size")) > 0 { // ends when it was collected
		runtime.GC()
	}
}

// Metrics are always on: whatever the level, and whatever is sampled.
func TestMetricsWithoutSpans(t *testing.T) {
	testkit.Guard(t)
	never := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	for name, opt := range map[string]otelx.Option{
		"off": otelx.WithLevel(otelx.LevelOff), "tasks": otelx.WithLevel(otelx.LevelTasks), "never": otelx.WithTracerProvider(never),
	} {
		t.Run(name, func(t *testing.T) {
			ctx, r := record(t, false, opt)
			_ = scope.Run(ctx, func(ctx context.Context) error {
				q := csync.NewQueue[int](0, csync.Name("q"))
				scope.Go(ctx, func(ctx context.Context) error { return q.Put(ctx, 1) }, scope.Name("t"))
				return nil
			})
			require.Len(t, r.points("corral.task.duration"), 1)
			require.Len(t, r.points("corral.queue.operation.duration"), 1)
			if name != "tasks" {
				require.Empty(t, r.spans())
			}
		})
	}
}

type odd struct{ id int }

func (o odd) Error() string     { return "odd" }
func (o odd) ErrorType() string { return fmt.Sprint("odd-", o.id) }

// perName is how many tasks of each name TestCardinality runs; fewer under the
// race detector.
var perName = 100

// 10,000 names, 1,000,000 task ids and any number of error types: at most 1,000
// attribute sets (and the few of _other) for an instrument, no overflow in the
// SDK, and every task counted. No attribute holds an id.
func TestCardinality(t *testing.T) {
	testkit.Guard(t)
	const names = 10_000
	ctx, r := record(t, false, otelx.WithLevel(otelx.LevelOff))
	var queues []*csync.Queue[int] // one that is collected is not measured any more
	err := scope.Run(ctx, func(ctx context.Context) error {
		for n := range names {
			name := scope.Name(fmt.Sprint("name-", n))
			for i := range perName {
				scope.Go(ctx, func(context.Context) error {
					if i == 0 && n%2 == 0 {
						return odd{n}
					}
					return nil
				}, name, scope.OnError(nil))
			}
			q := csync.NewQueue[int](1, csync.Name(fmt.Sprint("queue-", n)))
			_ = q.Put(ctx, 1)
			queues = append(queues, q)
		}
		return nil
	}, scope.Supervise(nil), scope.Limit(4))
	require.NoError(t, err)
	all := collect(t, r.reader)
	runtime.KeepAlive(queues)
	total := uint64(0)
	for name, m := range all {
		var sets []attribute.Set
		switch data := m.Data.(type) {
		case metricdata.Histogram[float64]:
			for _, p := range data.DataPoints {
				sets = append(sets, p.Attributes)
				if name == "corral.task.duration" {
					total += p.Count
				}
			}
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				sets = append(sets, p.Attributes)
			}
		}
		require.LessOrEqual(t, len(sets), 1000+10, name)
		folded := false
		for _, s := range sets {
			for _, kv := range s.ToSlice() {
				require.NotEqual(t, "otel.metric.overflow", string(kv.Key), name)
				require.NotContains(t, string(kv.Key), ".id", name)
				folded = folded || kv.Value.AsString() == "_other"
			}
		}
		if len(sets) > 100 {
			require.True(t, folded, name)
		}
	}
	require.EqualValues(t, names*perName, total)
}

// The provider: the one given, else the global one, else none.
func TestNewRefusesBadProviders(t *testing.T) {
	testkit.Guard(t)
	_, err := otelx.New(otelx.WithMeterProvider(nil))
	require.ErrorContains(t, err, "otelx: WithMeterProvider(nil)")
	_, err = otelx.New(otelx.WithLoggerProvider(nil))
	require.ErrorContains(t, err, "otelx: WithLoggerProvider(nil)")
	_, err = otelx.New(otelx.WithTracerProvider((*sdktrace.TracerProvider)(nil)))
	require.ErrorContains(t, err, "otelx: WithTracerProvider(nil)")
	_, err = otelx.New(otelx.WithLeafBudget(-1))
	require.ErrorContains(t, err, "otelx: WithLeafBudget")
	_, err = otelx.New(otelx.WithLeafBudget(0), nil, otelx.WithFunctionNames())
	require.NoError(t, err)
	require.Nil(t, otelx.MeterOf(context.Background()), "no SDK")
}
