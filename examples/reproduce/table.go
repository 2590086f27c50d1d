package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// verdict is a word for a boolean.
func verdict(pass bool) string {
	if pass {
		return "holds"
	}
	return "FAILS"
}

// writeTable prints the claims of a paper.
func writeTable(w io.Writer, r result) {
	fmt.Fprintf(w, "%s: %s (%s)\n", r.paper.name, r.paper.title, r.paper.cite)
	rows := [][]string{{"claim", "want", "got", "verdict", "time"}}
	for _, rec := range r.records {
		want := rec.Want
		if rec.Tol != "" {
			want += " (tol " + rec.Tol + ")"
		}
		rows = append(rows, []string{rec.ID, want, rec.Got, verdict(rec.Pass), fmt.Sprintf("%.1f s", rec.Seconds)})
	}
	columns(w, rows)
	if r.cut {
		fmt.Fprintf(w, "  interrupted: %d of %d claims measured\n", len(r.records), len(r.paper.claims))
	}
	fmt.Fprintln(w)
}

// maxColumn is the width up to which a column grows for a cell.
const maxColumn = 44

// columns prints rows in aligned columns. A cell that is wider than maxColumn
// goes on in the next lines.
func columns(w io.Writer, rows [][]string) {
	width := make([]int, len(rows[0]))
	folded := make([][][]string, len(rows))
	for i, row := range rows {
		for j, cell := range row {
			parts := fold(cell, maxColumn)
			folded[i] = append(folded[i], parts)
			for _, part := range parts {
				width[j] = max(width[j], utf8.RuneCountInString(part))
			}
		}
	}
	for _, row := range folded {
		height := 1
		for _, cell := range row {
			height = max(height, len(cell))
		}
		for k := range height {
			line := " "
			for j, cell := range row {
				part := ""
				if k < len(cell) {
					part = cell[k]
				}
				line += " " + part + strings.Repeat(" ", 1+width[j]-utf8.RuneCountInString(part))
			}
			fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	}
}

// fold breaks a text into lines of at most width runes where it has spaces.
func fold(s string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(s) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// list prints the papers and their claims.
func list(w io.Writer, all []*paper) {
	for _, p := range all {
		fmt.Fprintf(w, "%s: %s (%s)\n", p.name, p.title, p.cite)
		var rows [][]string
		for _, c := range p.claims {
			rows = append(rows, []string{c.id, c.text})
		}
		for _, row := range rows {
			fmt.Fprintf(w, "  %-22s %s\n", row[0], strings.Join(fold(row[1], 88), "\n"+strings.Repeat(" ", 25)))
		}
	}
}
