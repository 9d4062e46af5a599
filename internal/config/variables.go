package config

import (
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
)

// Variable is one environment variable, for the help text and the documentation.
type Variable struct {
	Name    string
	Default string // "" = none
	Unit    string // "" = a text, or a duration such as 25s
	Meaning string
	Secret  bool
}

// Variables lists every variable in the order in which people should read them.
func Variables() []Variable {
	t := reflect.TypeFor[Config]()
	list := make([]Variable, t.NumField())
	for i := range list {
		field := t.Field(i)
		list[i] = Variable{
			Name:    field.Tag.Get("env"),
			Default: field.Tag.Get("envDefault"),
			Unit:    field.Tag.Get("unit"),
			Meaning: field.Tag.Get("help"),
			Secret:  field.Type == reflect.TypeFor[Secret](),
		}
		if field.Type == reflect.TypeFor[time.Duration]() {
			list[i].Unit = "duration"
		}
	}
	return list
}

// Usage writes the variables for -help.
func Usage(w io.Writer) error {
	const width = 76 // of the meaning, so that a line stays readable beside the names
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, v := range Variables() {
		first, rest := wrap(v.Meaning+v.suffix(), width)
		fmt.Fprintf(table, "  %s\t%s\t%s\n", v.Name, v.Default, first)
		for rest != "" {
			first, rest = wrap(rest, width)
			fmt.Fprintf(table, "  \t\t%s\n", first)
		}
	}
	return table.Flush()
}

// Example is the text of .env.example: every variable, commented out, so that a copy starts as it is.
func Example() string {
	var b strings.Builder
	b.WriteString("# Copy this file to .env and uncomment what you need. What the environment sets wins over .env.\n" +
		"# In development nothing here is needed. Make a secret with: openssl rand -hex 32\n")
	for _, v := range Variables() {
		b.WriteString("\n")
		for text := v.Meaning + v.suffix(); text != ""; {
			var line string
			line, text = wrap(text, 110)
			b.WriteString("# " + line + "\n")
		}
		value := v.Default
		if v.Secret && v.Name != "REDIS_URL" {
			value = "your-" + strings.ToLower(strings.ReplaceAll(v.Name, "_", "-"))
		}
		fmt.Fprintf(&b, "#%s=%s\n", v.Name, value)
	}
	return b.String()
}

// Markdown is the README's table of variables.
func Markdown() string {
	var b strings.Builder
	b.WriteString("| Variable | Default | Meaning |\n|---|---|---|\n")
	for _, v := range Variables() {
		value := v.Default
		if value != "" {
			value = "`" + value + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, value, v.Meaning+v.suffix())
	}
	return b.String()
}

// suffix tells the unit, where the meaning does not.
func (v Variable) suffix() string {
	if v.Unit == "" || v.Unit == "duration" || v.Unit == "port" {
		return ""
	}
	return " (" + v.Unit + ")"
}

// wrap splits a text after the last word that fits.
func wrap(text string, width int) (line, rest string) {
	if len(text) <= width {
		return text, ""
	}
	at := strings.LastIndexByte(text[:width+1], ' ')
	if at < 0 {
		return text, ""
	}
	return text[:at], text[at+1:]
}
