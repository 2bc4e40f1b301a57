package inspect_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/corral-go/corral/monitor/inspect"
	"github.com/corral-go/corral/scope"
)

// BenchmarkAnswer is what an answer costs that nobody has asked for within the
// half second, of a hundred thousand tasks: all alike, and of ten thousand names.
func BenchmarkAnswer(b *testing.B) {
	for _, names := range []int{1, 10_000} {
		crowd(b, 100_000, names, func(context.Context) {
			for _, what := range []string{"tree.json", "waits.json", "findings.json", "dump.txt"} {
				b.Run(fmt.Sprintf("names=%d/%s", names, what), func(b *testing.B) {
					b.ReportAllocs()
					size := 0
					for b.Loop() {
						w := serve(inspect.Handler(), local("GET", "/"+what)) // a new one has kept nothing
						if w.Code != http.StatusOK {
							b.Fatal(w.Code)
						}
						size = w.Body.Len()
					}
					b.ReportMetric(float64(size), "bytes")
				})
			}
		})
	}
}

// BenchmarkKept is what an answer costs that somebody has asked for just now.
func BenchmarkKept(b *testing.B) {
	crowd(b, 10_000, 100, func(context.Context) {
		h := inspect.Handler()
		b.ReportAllocs()
		for b.Loop() {
			serve(h, local("GET", "/tree.json"))
		}
	})
}

// BenchmarkSpawn is how long it takes to spawn a task into a scope of a hundred
// thousand, with nobody looking, and with a viewer that asks as fast as answers
// come (a page asks every 0.8 s, and gets what was made within half a second).
// "beside" is the control: instead of the viewer, somebody computes and allocates
// as much and looks at nothing. What a viewer costs above that is what his locks
// cost.
func BenchmarkSpawn(b *testing.B) {
	var kept []map[int][]byte
	crowd(b, 100_000, 100, func(ctx context.Context) {
		for name, busy := range map[string]func(){
			"nobody": nil,
			"viewer": func() { serve(inspect.Handler(), local("GET", "/tree.json")) },
			"beside": func() {
				kept = kept[:0]
				for range 100 {
					group := map[int][]byte{}
					for i := range 1000 {
						group[i%100] = append(group[i%100], make([]byte, 32)...)
					}
					kept = append(kept, group)
				}
			},
		} {
			b.Run(name, func(b *testing.B) {
				stop := make(chan struct{})
				var all sync.WaitGroup
				if busy != nil {
					all.Go(func() {
						for {
							select {
							case <-stop:
								return
							default:
								busy()
							}
						}
					})
				}
				b.ReportAllocs()
				var took []time.Duration
				for b.Loop() {
					began := time.Now()
					c := scope.Go(ctx, func(context.Context) error { return nil })
					took = append(took, time.Since(began))
					if err := c.Wait(ctx); err != nil {
						b.Fatal(err)
					}
				}
				close(stop)
				all.Wait()
				slices.Sort(took)
				b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
				b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds()), "p99-ns")
				b.ReportMetric(float64(took[len(took)-1].Nanoseconds()), "max-ns")
			})
		}
	})
}
