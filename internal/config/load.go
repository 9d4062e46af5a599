package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/caarlos0/env/v11"
	"github.com/joho/godotenv"
)

// Load reads the settings from environ (NAME=value, as os.Environ gives it) and from the file at dotenvPath where
// that is present ("" reads none); what environ names wins, even when it is empty. An empty variable counts as
// unset. The error is Faults, with everything that Load and Validate found; the Config is then only good for
// telling what was meant (Env, LogLevel).
func Load(environ []string, dotenvPath string) (Config, error) {
	vars, faults := readDotenv(dotenvPath)
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok {
			vars[name] = value
		}
	}
	for name, value := range vars {
		if value == "" {
			delete(vars, name)
		}
	}

	c := defaults()
	faults = append(faults, parse(&c, vars)...)
	if vars["TRUST_FLY_CLIENT_IP"] == "" {
		c.TrustFlyClientIP = c.FlyAppName != ""
	}
	c.normalize()

	faults = append(faults, c.faults()...)
	return c, faults.orNil()
}

// defaults is the Config of an empty environment. A variable that cannot be parsed keeps its default, so that one
// mistake is not reported again by the checks that relate it to others.
func defaults() Config {
	var c Config
	if parse(&c, map[string]string{}) != nil {
		panic("config: a default does not fit its type")
	}
	return c
}

// readDotenv reads a .env file. A fault tells nothing of the file's text, which is full of secrets.
func readDotenv(path string) (map[string]string, Faults) {
	if path == "" {
		return map[string]string{}, nil
	}
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	if err != nil {
		return map[string]string{}, Faults{{path, "cannot be opened; make it readable or remove it"}}
	}
	defer file.Close()
	vars, err := godotenv.Parse(file)
	if err != nil {
		return map[string]string{}, Faults{{path, "cannot be read; write one NAME=value a line, with quotes around a value that holds blanks or #"}}
	}
	return vars, nil
}

// parse sets the fields of c and reports each variable that does not fit its type.
func parse(c *Config, vars map[string]string) Faults {
	err := env.ParseWithOptions(c, env.Options{Environment: vars})
	if err == nil {
		return nil
	}
	var all env.AggregateError
	if !errors.As(err, &all) {
		return Faults{{"environment", "cannot be read"}}
	}
	var faults Faults
	for _, err := range all.Errors {
		var bad env.ParseError
		if !errors.As(err, &bad) {
			faults = append(faults, Fault{"environment", "cannot be read"})
			continue
		}
		field, _ := reflect.TypeFor[Config]().FieldByName(bad.Name)
		name := field.Tag.Get("env")
		faults = append(faults, Fault{name, fmt.Sprintf("is %s; set it to %s", quote(vars[name]), wanted(field))})
	}
	return faults
}

// wanted says in words what a variable takes.
func wanted(field reflect.StructField) string {
	lowest, highest := field.Tag.Get("min"), field.Tag.Get("max")
	switch {
	case field.Type == reflect.TypeFor[time.Duration]():
		return fmt.Sprintf("a duration from %s to %s, such as %s", lowest, highest, field.Tag.Get("envDefault"))
	case lowest != "":
		return fmt.Sprintf("a whole number from %s to %s", lowest, highest)
	case field.Type.Kind() == reflect.Bool:
		return "true or false"
	case field.Tag.Get("oneof") != "":
		return strings.ReplaceAll(field.Tag.Get("oneof"), ",", " or ")
	}
	return field.Tag.Get("help")
}

// quote shows a plain value in a fault, shortened.
func quote(value string) string {
	const most = 60
	if len(value) > most {
		return fmt.Sprintf("%q…", value[:most])
	}
	return fmt.Sprintf("%q", value)
}
