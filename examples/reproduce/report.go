package main

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"html/template"
	"os"
	"runtime"
	"time"
)

//go:embed report.html
var reportPage string

var reportTemplate = template.Must(template.New("report").Parse(reportPage))

// page is what the template shows.
type page struct {
	Size           string
	Seed           uint64
	Go, Platform   string
	Workers        int
	Seconds        float64
	Cut            bool
	Claims, Passed int
	Papers         []pagePaper
}

type pagePaper struct {
	Name, Title, Cite, URL, About string
	Cut                           bool
	Seconds                       float64
	Claims                        []pageClaim
	Left                          int // claims that were not measured
	Figures                       []pageFigure
}

type pageClaim struct {
	record
	Note    string
	Verdict string
}

type pageFigure struct {
	Name, Caption, Error string
	Data                 template.URL // the PNG itself, so that the page needs no other file
}

// writeReport writes the page.
func writeReport(path string, s *session, cut bool, took time.Duration) error {
	p := page{
		Size: s.size.String(), Seed: s.seed, Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Workers: runtime.GOMAXPROCS(0), Seconds: took.Seconds(), Cut: cut,
	}
	for _, r := range s.done {
		q := pagePaper{
			Name: r.paper.name, Title: r.paper.title, Cite: r.paper.cite, URL: r.paper.url, About: r.paper.about,
			Cut: r.cut, Seconds: r.seconds, Left: len(r.paper.claims) - len(r.records),
		}
		for _, rec := range r.records {
			q.Claims = append(q.Claims, pageClaim{rec, rec.note, verdict(rec.Pass)})
			p.Claims++
			if rec.Pass {
				p.Passed++
			}
		}
		for _, f := range r.figures {
			d := pageFigure{Name: f.name, Caption: f.caption}
			if f.err != nil {
				d.Error = f.err.Error()
			} else {
				d.Data = template.URL("data:image/png;base64," + base64.StdEncoding.EncodeToString(f.png))
			}
			q.Figures = append(q.Figures, d)
		}
		p.Papers = append(p.Papers, q)
	}
	var b bytes.Buffer
	if err := reportTemplate.Execute(&b, p); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o666)
}
