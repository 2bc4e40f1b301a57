package monitor

import (
	"bytes"
	"context"
	"io"
	"runtime"
	"runtime/pprof"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/corral-go/corral/internal/profile"
	"github.com/corral-go/corral/internal/seam"
	"github.com/corral-go/corral/otelx"
	"github.com/corral-go/corral/scope"
	"github.com/corral-go/corral/testkit"
)

// goroutines returns the samples of all goroutines.
func goroutines(t *testing.T) []profile.Sample {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&b, 0))
	samples, err := profile.Parse(b.Bytes())
	require.NoError(t, err)
	return samples
}

// A task that begins while labels are wanted has them until it ends, together
// with those of its ctx; one that begins later on the same goroutine has not.
func TestLabels(t *testing.T) {
	testkit.Guard(t)
	labels := func(id uint64) (task, user string) {
		for _, s := range goroutines(t) {
			if idOf(&s) == id {
				return s.Label(labelTask), s.Label("user")
			}
		}
		return "", ""
	}
	ctx := pprof.WithLabels(context.Background(), pprof.Labels("user", "u"))
	require.NoError(t, scope.Run(ctx, func(ctx context.Context) error {
		off := label()
		label()() // another Monitor that comes and goes changes nothing
		first, second := make(chan struct{}), make(chan struct{})
		for range 20 { // that many jobs make goroutines stay for the next
			_ = scope.Go(ctx, func(context.Context) error { return nil }).Wait(ctx)
		}
		c := scope.Go(ctx, func(context.Context) error { <-first; return nil }, scope.Name("outer"))
		var task, user string
		for ; task == ""; task, user = labels(c.ID()) { // until it has begun
			runtime.Gosched()
		}
		off()
		close(first)
		assert.Equal(t, "svc/outer", task)
		assert.Equal(t, "u", user)
		assert.Nil(t, seam.Label.Load())
		assert.NoError(t, c.Wait(ctx))

		var begun sync.WaitGroup
		for range 20 {
			begun.Add(1)
			scope.Go(ctx, func(context.Context) error { begun.Done(); <-second; return nil })
		}
		begun.Wait()
		for _, s := range goroutines(t) {
			assert.Zero(t, idOf(&s), "a label was left behind")
		}
		close(second)
		return nil
	}, scope.Name("svc")))
}

// planted runs 50 tasks, of which one spins until the test is over, and the
// others wait.
func planted(t *testing.T, labelled bool, test func(hog *scope.Child, laps <-chan struct{})) {
	t.Helper()
	inst, err := otelx.New(otelx.WithTracerProvider(sdktrace.NewTracerProvider()))
	require.NoError(t, err)
	ctx := otelx.NewContext(context.Background(), inst)
	if labelled {
		defer label()()
	}
	require.NoError(t, scope.Run(ctx, func(ctx context.Context) error {
		var over atomic.Bool
		defer over.Store(true)
		begun, laps := make(chan struct{}), make(chan struct{})
		var hog *scope.Child
		for i := range 50 {
			if i != 33 {
				scope.Go(ctx, func(ctx context.Context) error { return scope.Sleep(ctx, time.Hour) }, scope.Name("task"+strconv.Itoa(i)), scope.Background())
				continue
			}
			hog = scope.Go(ctx, func(context.Context) error {
				close(begun)
				spin(&over, laps)
				return nil
			}, scope.Name("hog"), scope.Background())
		}
		<-begun
		test(hog, laps)
		return nil
	}, scope.Name("svc")))
}

// spin burns until the test is over, and tells of each lap whoever listens.
//
//go:noinline
func spin(over *atomic.Bool, laps chan<- struct{}) {
	for !over.Load() {
		x := uint64(1)
		for range 100_000_000 { // with nothing in it that the race detector calls for: that would be in the profile
			x = x*6364136223846793005 + 1
		}
		if x == 0 {
			return
		}
		select {
		case laps <- struct{}{}:
		default:
		}
	}
}

// worstTask is the first culprit that is a task.
func worstTask(found []culprit) (c culprit, ok bool) {
	for _, c := range found {
		if c.Task != "" {
			return c, true
		}
	}
	return culprit{}, false
}

func namesHog(t *testing.T, hog *scope.Child, c culprit) {
	t.Helper()
	require.Equal(t, "svc/hog", c.Task)
	require.Contains(t, string(c.Stack), "monitor.spin")
	require.True(t, hog.SpanContext().IsValid())
	require.Equal(t, hog.SpanContext().SpanID(), c.span.SpanID())
}

// A hog among 50 tasks is named first, with its stack and span: by its label,
// or, if it began before there were labels, by its function. It profiles until
// the profile has anything in it: how long that takes does not matter.
func TestProfilerNamesHog(t *testing.T) {
	testkit.Guard(t)
	for name, labelled := range map[string]bool{"labelled": true, "by function": false} {
		t.Run(name, func(t *testing.T) {
			planted(t, labelled, func(hog *scope.Child, laps <-chan struct{}) {
				for {
					var p profiler
					p.begin()
					require.True(t, p.owned)
					<-laps
					<-laps
					if c, ok := worstTask(p.end()); ok {
						namesHog(t, hog, c)
						require.Positive(t, c.CPU)
						return
					}
				}
			})
		})
	}
}

// If the process is being profiled already, the hog is found by looking at who
// runs; CPU time is not known then.
func TestProfilerWithoutProfile(t *testing.T) {
	testkit.Guard(t)
	require.NoError(t, pprof.StartCPUProfile(io.Discard))
	defer pprof.StopCPUProfile()
	for name, labelled := range map[string]bool{"labelled": true, "by function": false} {
		t.Run(name, func(t *testing.T) {
			planted(t, labelled, func(hog *scope.Child, _ <-chan struct{}) {
				var p profiler
				p.begin()
				require.False(t, p.owned)
				for i := range 5 {
					p.look(time.Unix(int64(i), 0))
				}
				c, ok := worstTask(p.end())
				require.True(t, ok)
				namesHog(t, hog, c)
				require.Zero(t, c.CPU)
			})
		})
	}
}

// Who a sample is put down to.
func TestSuspects(t *testing.T) {
	testkit.Guard(t)
	a, b := suspect{"svc/a", spanContext(1)}, suspect{"svc/b", spanContext(2)}
	from := suspects{
		byID:   map[uint64]suspect{1: a, 2: b},
		byFunc: map[string][]suspect{"main.a": {a}, "main.twins": {a, a}, "main.shared": {a, b}},
	}
	sample := func(id, task string, stack ...string) *profile.Sample {
		s := &profile.Sample{Values: []int64{1, 10}, Labels: []profile.Label{{Key: labelTask, Value: task}, {Key: labelID, Value: id}}}
		for _, f := range stack {
			s.Stack = append(s.Stack, profile.Frame{Function: f, File: "f.go", Line: 1})
		}
		return s
	}
	s := sums{}
	for _, c := range []struct {
		sample *profile.Sample
		path   string
		span   trace.SpanContext
	}{
		{sample("2", "svc/b", "main.a"), "svc/b", spanContext(2)},
		{sample("9", "svc/gone", "main.a"), "svc/gone", trace.SpanContext{}},
		{sample("", "", "x", "main.a", "root"), "svc/a", spanContext(1)},
		{sample("", "", "main.twins"), "svc/a", trace.SpanContext{}},
		{sample("", "", "main.shared"), "main.shared", trace.SpanContext{}},
		{sample("", "", "runtime.scan", "runtime.gcBgMarkWorker"), "", trace.SpanContext{}},
		{sample("", ""), "", trace.SpanContext{}},
	} {
		_, who := from.who(c.sample)
		require.Equal(t, c.path, who.path)
		require.Equal(t, c.span, who.span)
		s.add(from, c.sample, 10)
	}
	s.add(from, sample("2", "svc/b", "main.b", "main.root"), 10)
	worst := s.worst(2)
	require.Len(t, worst, 2)
	require.Equal(t, "svc/a", worst[0].Task)
	require.EqualValues(t, 20, worst[0].CPU)
	require.Equal(t, spanContext(1), worst[0].span)
	require.Equal(t, "svc/b", worst[1].Task)
	require.Equal(t, "main.a\n\tf.go:1\n", string(worst[1].Stack))
	require.Empty(t, sums{}.worst(3))
}
