package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot/plotter"
)

// fake is a paper with a claim for each outcome.
func fake(name string, outcomes ...outcome) func(job) *paper {
	return func(j job) *paper {
		p := &paper{name: name, title: "On " + name, cite: "A. Author, 2026", url: "https://example.org/" + name, about: "About " + name + "."}
		for i, o := range outcomes {
			p.claims = append(p.claims, claim{
				id: "claim-" + string(rune('a'+i)), text: "claim <" + string(rune('a'+i)) + "> of " + name,
				measure: func(_ context.Context, progress progress) (outcome, error) {
					progress(0.5)
					if o.got == "size" {
						o.got = j.size.String()
					}
					return o, nil
				},
			})
		}
		p.figures = []figure{{name: name + "-line", caption: "A line.", draw: func(context.Context) (picture, error) {
			pl := newPlot("Line", "x", "y")
			return single(pl, 200, 150), curve(pl, plotter.XYs{{X: 0, Y: 1}, {X: 1, Y: 2}}, blue, nil, "line")
		}}}
		return p
	}
}

func good(got string) outcome {
	return outcome{want: "1", got: got, tol: "0.1", pass: true, note: "a note"}
}
func bad(got string) outcome { return outcome{want: "1", got: got} }

// call runs the program and returns exit status, outputs and output directory.
func call(t *testing.T, ctx context.Context, papers []func(job) *paper, args ...string) (status int, stdout, stderr, dir string) {
	t.Helper()
	dir = t.TempDir()
	var out, err bytes.Buffer
	status = run(ctx, append([]string{"-out", dir}, args...), &out, &err, papers)
	return status, out.String(), err.String(), dir
}

func TestPassing(t *testing.T) {
	papers := []func(job) *paper{fake("one", good("1.01"), good("0.99")), fake("two", good("1"))}
	status, stdout, stderr, dir := call(t, context.Background(), papers)
	if status != exitOK || stderr != "" {
		t.Errorf("exit status %d, standard error %q, want 0 and nothing", status, stderr)
	}
	for _, want := range []string{
		"one: On one (A. Author, 2026)\n",
		"claim    want         got   verdict  time\n",
		"claim-a  1 (tol 0.1)  1.01  holds    0.0 s\n",
		"3 of 3 claims hold; " + filepath.Join(dir, "report.html"),
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("table lacks %q:\n%s", want, stdout)
		}
	}
	for _, name := range []string{"report.html", "one-line.png", "one-line.svg", "two-line.png", "two-line.svg"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Size() < 100 {
			t.Errorf("%s: %v, want a file with content", name, err)
		}
	}
}

func TestFailing(t *testing.T) {
	papers := []func(job) *paper{fake("one", good("1"), bad("7")), fake("two", good("1"))}
	status, stdout, _, dir := call(t, context.Background(), papers)
	if status != exitFailed {
		t.Errorf("exit status %d, want 1", status)
	}
	if !strings.Contains(stdout, "claim-b  1            7    FAILS") || !strings.Contains(stdout, "2 of 3 claims hold") {
		t.Errorf("table does not tell of the failure:\n%s", stdout)
	}
	if page := read(t, dir, "report.html"); !strings.Contains(page, `class="FAILS">FAILS`) {
		t.Error("report does not tell of the failure")
	}
	if status, _, _, _ := call(t, context.Background(), papers, "-only", "two"); status != exitOK {
		t.Errorf("exit status %d without the failing paper, want 0", status)
	}
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// records parses one record a line, with the fields that the issues name and no
// others.
func records(t *testing.T, text string) []record {
	t.Helper()
	var all []record
	for line := range strings.Lines(text) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		var keys []string
		for k := range fields {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		if want := []string{"claim", "got", "id", "paper", "pass", "seconds", "tol", "want"}; !slices.Equal(keys, want) {
			t.Fatalf("fields %v, want %v", keys, want)
		}
		var r record
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

func TestJSON(t *testing.T) {
	papers := []func(job) *paper{fake("one", good("1.01"), bad("7")), fake("two", good("size"))}
	status, stdout, stderr, _ := call(t, context.Background(), papers, "-json", "-", "-quick")
	if status != exitFailed {
		t.Errorf("exit status %d, want 1", status)
	}
	got := records(t, stdout)
	want := []record{
		{Paper: "one", ID: "claim-a", Claim: "claim <a> of one", Want: "1", Got: "1.01", Tol: "0.1", Pass: true},
		{Paper: "one", ID: "claim-b", Claim: "claim <b> of one", Want: "1", Got: "7"},
		{Paper: "two", ID: "claim-a", Claim: "claim <a> of two", Want: "1", Got: "quick", Tol: "0.1", Pass: true},
	}
	for i := range got {
		got[i].Seconds = 0
	}
	if !slices.Equal(got, want) {
		t.Errorf("records %+v, want %+v", got, want)
	}
	if !strings.Contains(stderr, "claim-b") {
		t.Errorf("the table is not on standard error:\n%s", stderr)
	}

	file := filepath.Join(t.TempDir(), "claims.jsonl")
	_, stdout, _, _ = call(t, context.Background(), papers, "-json", file)
	if b, err := os.ReadFile(file); err != nil || len(records(t, string(b))) != 3 {
		t.Errorf("file holds %q, error %v, want 3 records", b, err)
	}
	if !strings.Contains(stdout, "claim-b") {
		t.Error("the table is not on standard output")
	}
}

func TestSizesAndSeed(t *testing.T) {
	var seen []job
	papers := []func(job) *paper{func(j job) *paper {
		seen = append(seen, j)
		return fake("one", good("1"))(j)
	}}
	for _, c := range []struct {
		args []string
		want job
	}{
		{nil, job{normal, 0}},
		{[]string{"-quick"}, job{quick, 0}},
		{[]string{"-full", "-seed", "9"}, job{full, 9}},
	} {
		if status, _, _, _ := call(t, context.Background(), papers, c.args...); status != exitOK {
			t.Errorf("%v: exit status %d", c.args, status)
		}
		if got := seen[len(seen)-1]; got != c.want {
			t.Errorf("%v: job %+v, want %+v", c.args, got, c.want)
		}
		if got := pick(c.want, "quick", "default", "full"); got != c.want.size.String() {
			t.Errorf("pick gives %s for %v", got, c.want.size)
		}
	}
}

func TestUsage(t *testing.T) {
	papers := []func(job) *paper{fake("one", good("1")), fake("two", good("1"))}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-only", "three"}, `unknown paper "three" in -only, known are: one, two`},
		{[]string{"-only", "one,,thre"}, `unknown paper "thre"`},
		{[]string{"-only", ","}, "names no paper"},
		{[]string{"-quick", "-full"}, "exclude each other"},
		{[]string{"more"}, `unexpected argument "more"`},
		{[]string{"-seed", "x"}, "invalid value"},
		{[]string{"-json", filepath.Join("no", "such", "dir", "file")}, "no such"},
		{[]string{"-out", ""}, "-out is empty"},
	} {
		status, stdout, stderr, dir := call(t, context.Background(), papers, c.args...)
		if status != exitUsage || !strings.Contains(stderr, c.want) || stdout != "" {
			t.Errorf("%v: exit status %d, standard error %q, want 2 and %q", c.args, status, stderr, c.want)
		}
		if _, err := os.Stat(filepath.Join(dir, "report.html")); err == nil {
			t.Errorf("%v: a report was written", c.args)
		}
	}
	if status, _, stderr, _ := call(t, context.Background(), papers, "-h"); status != exitOK || !strings.Contains(stderr, "-only") {
		t.Errorf("-h: exit status %d, %q", status, stderr)
	}
}

func TestList(t *testing.T) {
	ran := false
	papers := []func(job) *paper{fake("one", good("1")), func(job) *paper {
		return &paper{name: "two", claims: []claim{{id: "stable-id", text: "text", measure: func(context.Context, progress) (outcome, error) {
			ran = true
			return outcome{}, nil
		}}}}
	}}
	status, stdout, _, _ := call(t, context.Background(), papers, "-list")
	if status != exitOK || ran || !strings.Contains(stdout, "stable-id") || !strings.Contains(stdout, "claim-a") {
		t.Errorf("exit status %d, claim measured: %t, list:\n%s", status, ran, stdout)
	}
}

// An interrupt in the middle of the second claim.
func TestCancellation(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	papers := []func(job) *paper{
		func(j job) *paper {
			p := fake("one", good("1"), good("2"), good("3"))(j)
			p.claims[1].measure = func(ctx context.Context, _ progress) (outcome, error) {
				cancel()
				<-ctx.Done()
				return outcome{}, ctx.Err()
			}
			return p
		},
		fake("two", good("1")),
	}
	status, stdout, stderr, dir := call(t, ctx, papers, "-json", "-")
	if status != exitInterrupted {
		t.Errorf("exit status %d, want %d", status, exitInterrupted)
	}
	if got := records(t, stdout); len(got) != 1 || got[0].ID != "claim-a" {
		t.Errorf("records %+v, want the first claim", got)
	}
	for _, want := range []string{"interrupted: 1 of 3 claims measured", "reproduce: interrupted; the 1 claims"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("standard error lacks %q:\n%s", want, stderr)
		}
	}
	page := read(t, dir, "report.html")
	if !strings.Contains(page, "was interrupted") || !strings.Contains(page, "2 claims of this paper were not measured") || strings.Contains(page, "On two") {
		t.Error("report does not say what was measured")
	}
	if _, err := os.Stat(filepath.Join(dir, "one-line.png")); err == nil {
		t.Error("a figure was drawn after the interrupt")
	}
}

func TestErrorsInPapers(t *testing.T) {
	papers := []func(job) *paper{func(j job) *paper {
		p := fake("one", good("1"), good("2"))(j)
		p.claims[0].measure = func(context.Context, progress) (outcome, error) {
			return outcome{want: "1", pass: true}, errors.New("no data")
		}
		p.figures[0].draw = func(context.Context) (picture, error) { return picture{}, errors.New("no paint") }
		return p
	}}
	status, stdout, stderr, dir := call(t, context.Background(), papers)
	if status != exitFailed || !strings.Contains(stdout, "error: no data") || !strings.Contains(stdout, "1 of 2 claims hold") {
		t.Errorf("exit status %d, table:\n%s", status, stdout)
	}
	if !strings.Contains(stderr, "figure one-line: no paint") || !strings.Contains(read(t, dir, "report.html"), "no paint") {
		t.Errorf("the figure's error is not reported: %q", stderr)
	}
}

func TestReport(t *testing.T) {
	papers := []func(job) *paper{fake("one", good("1.01")), fake("two", good("1"))}
	_, _, _, dir := call(t, context.Background(), papers, "-seed", "5")
	page := read(t, dir, "report.html")
	for _, want := range []string{
		"<code>claim-a</code>", "claim &lt;a&gt; of one", "1.01", "tolerance 0.1", "a note", "seed 5", "2 of 2 claims hold",
		`<a href="#two">`, "data:image/png;base64,iVBOR", `href="one-line.svg"`, "https://example.org/one", "About one.",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("report lacks %q", want)
		}
	}
	for _, outside := range []string{`src="http`, "<script", "@import", "url("} {
		if strings.Contains(page, outside) {
			t.Errorf("report is not self-contained: %q", outside)
		}
	}
	if svg := read(t, dir, "one-line.svg"); !strings.Contains(svg, "'Liberation Sans',Arial") {
		t.Error("SVG names no font that other machines have")
	}
}

func TestRealPapers(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range []size{quick, normal, full} {
		for _, p := range build(papers, job{size: s}) {
			if p.title == "" || p.cite == "" || p.url == "" || p.about == "" || len(p.claims) == 0 {
				t.Errorf("%s lacks a description or claims", p.name)
			}
			for _, c := range p.claims {
				if c.id == "" || c.text == "" || strings.ContainsAny(c.id, " _") || c.id != strings.ToLower(c.id) {
					t.Errorf("%s: claim %q has no id in the form word-word, or no text", p.name, c.id)
				}
				key := s.String() + p.name + c.id
				if seen[key] {
					t.Errorf("%s: claim %s twice", p.name, c.id)
				}
				seen[key] = true
			}
		}
	}
}
