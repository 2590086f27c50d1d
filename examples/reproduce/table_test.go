package main

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestFold(t *testing.T) {
	for _, c := range []struct {
		s    string
		want []string
	}{
		{"", []string{""}},
		{"one two", []string{"one two"}},
		{"one two three", []string{"one two", "three"}},
		{"unbreakable-word x", []string{"unbreakable-word", "x"}},
		{"κκκ λλλ μμμ", []string{"κκκ λλλ", "μμμ"}},
	} {
		if got := fold(c.s, 8); !slices.Equal(got, c.want) {
			t.Errorf("fold(%q) = %q, want %q", c.s, got, c.want)
		}
	}
}

func TestColumns(t *testing.T) {
	var b bytes.Buffer
	columns(&b, [][]string{{"a", "got"}, {"λ", strings.Repeat("wide ", 12)}, {"bb", "z"}})
	want := "  a   got\n" +
		"  λ   wide wide wide wide wide wide wide wide wide\n" +
		"      wide wide wide\n" +
		"  bb  z\n"
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.7213475: "0.7213", 3.14e-14: "3.1e-14", -2.5: "-2.5", 1234.5: "1234", 2e7: "2.0e+07", 12: "12", math.Inf(1): "+Inf",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %s, want %s", v, got, want)
		}
	}
}
