package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/corral-go/corral/scope"
	csync "github.com/corral-go/corral/sync"
)

var screens = []string{"tree", "waits", "queues", "cancellations", "lag", "findings"}

func (p *program) id() uint64 { return scope.From(p.ctx).Snapshot().ID }

// show goes to a screen, and waits until it is drawn.
func (b *tab) show(name string) {
	b.t.Helper()
	b.do(js(`location.hash = "` + name + `"`))
	b.until(live+` && location.hash === "#`+name+`" && !!document.querySelector("main .grid .rows [role=row], main .screen > *")`, patience)
}

func scheme(value string) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}},
		})
		return err
	})
}

// It loads under any prefix, every screen shows what it should, and the console
// stays empty: no exception, no refused request, no breach of the policy.
func TestLoads(t *testing.T) {
	p := run(t, busy)
	b := open(t, p.url)
	b.until(live+" && "+rowsSeen+" > 5", patience)
	require.Regexp(t, `^https://trace\.example\.org/[0-9a-f]{32}/[0-9a-f]{16}$`, eval[string](b, `document.querySelector("#grid .rows a").href`))
	for screen, want := range map[string]string{
		"tree": "worker", "waits": "deadlock", "queues": "orders", "cancellations": "the customer has left", "lag": "saturation", "findings": "certain",
		fmt.Sprintf("scope/%d", p.id()): "Thick",
	} {
		b.show(screen)
		b.until(`document.querySelector("main").textContent.includes(`+fmt.Sprintf("%q", want)+`)`, patience)
		time.Sleep(time.Second) // let it draw once more
		b.until(live, patience)
	}
	b.show("scope/18446744073709551615")
	b.until(`document.querySelector("main").textContent.includes("It has ended")`, patience)
	b.mu.Lock()
	var other []string
	for _, s := range b.problems {
		if !strings.Contains(s, "404") { // the browser tells of it, though it was expected
			other = append(other, s)
		}
	}
	b.mu.Unlock()
	require.Empty(t, other)
}

// What is spawned is seen within two seconds, and what ends goes.
func TestLiveUpdate(t *testing.T) {
	p := run(t, busy)
	b := open(t, p.url)
	b.until(live+" && "+rowsSeen+" > 5", patience)
	for i := range 3 {
		name := fmt.Sprintf("newcomer-%d", i)
		c := scope.Go(p.ctx, forever, scope.Name(name))
		there := `document.getElementById("grid").textContent.includes("` + name + `")`
		b.until(there, 2*time.Second)
		c.Cancel(nil)
		b.until("!"+there, 2*time.Second)
	}
	b.quiet()
}

// Names are text, whatever they are: no element, no handler, no script comes of
// them; what could hide or turn text around is shown as what it is.
func TestHostileNames(t *testing.T) {
	names := []string{
		"<img src=x onerror=window.pwned=1>", "</script><script>window.pwned=1</script>", "<svg onload=window.pwned=1>", "&lt;b&gt;", "\"'`><b>bold</b>",
		"\u202egnirts", "zero\u200bwidth", "two\nlines", "bad\xff\xfeutf", "nul\x00", "{{7*7}}${7*7}", "javascript:window.pwned=1", strings.Repeat("long", 1000),
	}
	p := run(t, func(ctx context.Context, l leave) {
		for _, name := range names {
			q := csync.NewQueue[int](0, csync.Name(name))
			scope.Go(ctx, func(ctx context.Context) error { _, err := q.Get(ctx); return err }, scope.Name(name))
			scope.Go(ctx, func(ctx context.Context) error {
				return scope.Run(ctx, func(ctx context.Context) error {
					scope.From(ctx).Cancel(fmt.Errorf("reason %s", name))
					return l.linger(ctx)
				}, scope.Name(name))
			}, scope.Name(name))
		}
	})
	b := open(t, p.url)
	b.until(live+" && "+rowsSeen+" > 10", patience)
	for _, screen := range append([]string{fmt.Sprintf("scope/%d", p.id())}, screens...) {
		b.show(screen)
		require.Zero(t, eval[int](b, `document.querySelectorAll("main img, main script, main b b, main iframe, main [onerror], main [onload], main a[href^=javascript]").length`), screen)
		if screen == "waits" || screen == "cancellations" {
			text := eval[string](b, `document.querySelector("main").textContent`)
			for _, want := range []string{names[0], names[1], names[2], names[3], names[4], `\u{202e}gnirts`, `zero\u{200b}width`, `two\u{a}lines`, "bad\uFFFDutf", `nul\u{0}`, names[10]} {
				require.Contains(t, text, want, screen)
			}
			require.NotContains(t, text, strings.Repeat("long", 200))
		}
	}
	require.True(t, eval[bool](b, `window.pwned === undefined`))
	b.quiet()
}

// A hundred thousand tasks of thousands of names: few elements, short turns.
func TestManyTasks(t *testing.T) {
	p := runIn(context.Background(), t, func(ctx context.Context, _ leave) { // spans of them all would take most of the time
		for i := range 100_000 {
			scope.Go(ctx, forever, scope.Name(fmt.Sprintf("task %d", i%20_000)))
		}
	})
	b := open(t, p.url)
	b.until(live+" && "+rowsSeen+" > 10", patience)
	b.do(js(`window.turns = []; new PerformanceObserver((l) => turns.push(...l.getEntries().map((e) => e.duration))).observe({ type: "longtask" })`))
	b.do(chromedp.Focus("#grid"), chromedp.KeyEvent(kb.End), chromedp.KeyEvent(kb.Enter)) // more of them
	b.until(`Number(document.getElementById("grid").getAttribute("aria-rowcount")) > 900`, patience)
	frames := eval[[]float64](b, `(async () => {
		const grid = document.getElementById("grid"), gaps = [];
		let last = await new Promise(requestAnimationFrame);
		for (let i = 0; i < 120; i++) {
			grid.scrollTop = (grid.scrollHeight * (i % 120)) / 120;
			const now = await new Promise(requestAnimationFrame);
			gaps.push(now - last);
			last = now;
		}
		return gaps.sort((a, b) => a - b);
	})()`)
	require.Less(t, eval[int](b, rowsSeen), 80, "rows that are elements")
	require.Less(t, eval[int](b, `document.querySelectorAll("*").length`), 2000)
	turns := eval[[]float64](b, `turns`)
	renders := eval[[]float64](b, `performance.getEntriesByName("render", "measure").map((e) => e.duration).sort((a, b) => a - b)`)
	t.Logf("frames: median %.1f ms, 99%% %.1f ms; answers drawn: %d, longest %.1f ms; long tasks: %v", frames[len(frames)/2], frames[len(frames)*99/100], len(renders), renders[len(renders)-1], turns)
	require.Less(t, frames[len(frames)/2], 100.0, "ms between frames, half of them")
	require.Less(t, renders[len(renders)/2], 100.0, "ms to draw an answer, half of them")
	b.until(`document.getElementById("notice").textContent.includes("Truncated")`, patience)
	size := eval[int](b, `fetch("tree.json?limit=5000").then((r) => r.text()).then((t) => t.length)`)
	require.Less(t, size, 500_000, "bytes of an answer")
	b.shot("many-tasks")
	b.quiet()
}

// Nobody polls while nobody looks: paused, or behind another tab; and it goes on
// afterwards.
func TestHiddenTabStopsPolling(t *testing.T) {
	p := run(t, busy)
	b := openIn(t, false, p.url)
	activate := func(ctx context.Context) {
		id := chromedp.FromContext(ctx).Target.TargetID
		_, err := chromedp.CallBrowser(b, target.ActivateTarget, target.ActivateTargetParams{TargetID: id})
		require.NoError(t, err)
	}
	activate(b)
	b.until(live+" && "+rowsSeen+" > 5", patience)
	polls := func(want bool, why string) {
		t.Helper()
		time.Sleep(700 * time.Millisecond) // what was on its way
		before := p.asked.Load()
		time.Sleep(1800 * time.Millisecond)
		require.Equal(t, want, p.asked.Load() > before, why)
	}
	polls(true, "it is looked at")
	b.do(chromedp.Click("#pause"))
	polls(false, "it is paused")
	b.do(chromedp.Click("#pause"))
	polls(true, "it goes on")

	other, closeOther := chromedp.NewContext(start(t), chromedp.WithNewWindow(false))
	defer closeOther()
	require.NoError(t, chromedp.Do(other, chromedp.Navigate("about:blank")))
	activate(other)
	b.until(`document.visibilityState === "hidden"`, patience)
	polls(false, "it is hidden")
	activate(b)
	b.until(`document.visibilityState === "visible"`, patience)
	polls(true, "it is seen again")
	b.quiet()
}

// All of the tree can be reached with the keyboard.
func TestKeyboard(t *testing.T) {
	p := run(t, busy)
	b := open(t, p.url)
	b.until(live+" && "+rowsSeen+" > 5", patience)
	active := `document.getElementById(document.getElementById("grid").getAttribute("aria-activedescendant"))`
	press := func(key string) { b.do(chromedp.KeyEvent(key)) }
	b.do(chromedp.Focus("#grid"))
	press(kb.Home)
	b.until(active+`.textContent.includes("service")`, patience)
	press(kb.ArrowLeft)
	b.until(active+`.getAttribute("aria-expanded") === "false" && `+rowsSeen+` === 1`, patience)
	press(kb.ArrowRight)
	b.until(active+`.getAttribute("aria-expanded") === "true" && `+rowsSeen+` > 5`, patience)
	for range 40 {
		if strings.Contains(eval[string](b, active+`.textContent`), "worker") {
			break
		}
		press(kb.ArrowDown)
	}
	b.until(active+`.textContent.includes("worker×97")`, patience)
	press(kb.Enter)
	b.until(`!document.getElementById("details").hidden && document.getElementById("details").textContent.includes("service/worker")`, patience)
	press("u")
	b.until(`document.getElementById("grid").getAttribute("aria-rowcount") > 97`, patience)
	b.do(chromedp.Click(`.chips button`))
	b.until(`document.getElementById("grid").getAttribute("aria-rowcount") < 97`, patience)
	b.do(chromedp.Click(`//aside//button[text()="Stack"]`))
	b.until(`document.getElementById("stack").textContent.includes("busy.func")`, patience)
	b.do(chromedp.Click(`//aside//button[text()="Only this"]`))
	b.until(rowsSeen+" === 1", patience)
	b.do(chromedp.Click(`.chips button`))
	b.until(rowsSeen+" > 5", patience)
	b.do(chromedp.Focus("#find"), chromedp.KeyEvent("REND"))
	b.until(`document.getElementById("grid").textContent.includes("render") && !document.getElementById("grid").textContent.includes("producer")`, patience)
	b.quiet()
}

// axe-core finds nothing, on any screen, in the dark and in the light.
func TestAccessibility(t *testing.T) {
	source, err := axe()
	need(t, "axe-core", err)
	p := run(t, busy)
	b := open(t, p.url, scheme("light"))
	b.until(live+" && "+rowsSeen+" > 5", patience)
	b.do(js(source + "; 0"))
	for _, s := range []string{"light", "dark"} {
		b.do(scheme(s))
		for _, screen := range append([]string{fmt.Sprintf("scope/%d", p.id())}, screens...) {
			b.show(screen)
			if screen == "tree" {
				b.do(chromedp.Focus("#grid"), chromedp.KeyEvent(kb.Enter))
			}
			b.do(js(`for (const d of document.querySelectorAll("details")) d.open = true; if (document.getElementById("pause").getAttribute("aria-pressed") === "false") document.getElementById("pause").click()`))
			found := eval[[]json.RawMessage](b, `axe.run({ resultTypes: ["violations"] }).then((r) => r.violations.map((v) => ({ id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => n.html + " " + n.failureSummary) })))`)
			for _, v := range found {
				t.Errorf("%s, %s: %s", screen, s, v)
			}
			b.do(chromedp.Click("#pause"))
		}
	}
	b.quiet()
}

// The screens, for people to look at.
func TestScreenshots(t *testing.T) {
	p := run(t, busy)
	b := open(t, p.url, scheme("light"))
	b.until(live+" && "+rowsSeen+" > 5", patience)
	time.Sleep(1200 * time.Millisecond) // something has lingered for more than a second
	for _, s := range []string{"light", "dark"} {
		b.do(scheme(s))
		for _, screen := range append([]string{fmt.Sprintf("scope/%d", p.id())}, screens...) {
			b.show(screen)
			if screen == "tree" {
				b.do(chromedp.Focus("#grid"), chromedp.KeyEvent(kb.Home), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
			}
			name, _, _ := strings.Cut(screen, "/")
			b.shot(name + "-" + s)
		}
	}
	b.do(chromedp.EmulateViewport(420, 800))
	b.show("tree")
	b.shot("narrow")
	b.quiet()
}
