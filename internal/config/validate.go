package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// minSecret is the least length of a secret in bytes: that of the key that HS256 wants.
const minSecret = 32

// Validate reports every fault at once, as Faults, or nil.
func (c *Config) Validate() error { return c.faults().orNil() }

func (c *Config) faults() Faults {
	var f Faults
	c.bounds(&f)
	c.listeners(&f)
	c.secrets(&f)
	c.api(&f)
	c.redis(&f)
	c.origins(&f)
	c.sizes(&f)
	return f
}

// Warnings are settings that work and may not be what was meant. They hold no secret.
func (c *Config) Warnings() []string {
	var warnings []string
	warn := func(when bool, text string) {
		if when {
			warnings = append(warnings, text)
		}
	}
	short := func(s Secret) bool { return s != "" && len(s) < minSecret }
	warn(short(c.JWTSecret) || short(c.JWTSecretPrevious) || short(c.InternalAPISecret),
		"a secret is shorter than 32 bytes, which production refuses; make one with: openssl rand -hex 32")
	warn(c.RedisURL != "" && c.UpstashURL != "", "REDIS_URL wins over UPSTASH_REDIS_REST_URL")
	warn(c.NextAPIURL != "" && c.JWTSecret == "", "NEXT_API_URL is set and JWT_SECRET is not: tokens of the Next.js app will be refused")
	warn(c.Production() && strings.HasPrefix(c.NextAPIURL, "http:"), "NEXT_API_URL is not https: INTERNAL_API_SECRET travels in the clear")
	warn(c.SaveTimeout > c.DrainTimeout, "SAVE_TIMEOUT is longer than DRAIN_TIMEOUT: a planned stop may cut a save short")
	warn(c.TrustFlyClientIP && c.FlyAppName == "", "TRUST_FLY_CLIENT_IP is on outside of Fly.io: visitors can claim any address unless a proxy sets the header")
	return warnings
}

// bounds checks the min, max and oneof tags.
func (c *Config) bounds(f *Faults) {
	all := reflect.ValueOf(c).Elem()
	for i := range all.NumField() {
		field, value := all.Type().Field(i), all.Field(i)
		if !within(field, value) {
			f.add(field.Tag.Get("env"), fmt.Sprintf("is %s; set it to %s", quote(fmt.Sprint(value.Interface())), wanted(field)))
		}
	}
}

func within(field reflect.StructField, value reflect.Value) bool {
	if choices := field.Tag.Get("oneof"); choices != "" {
		for choice := range strings.SplitSeq(choices, ",") {
			if value.String() == choice {
				return true
			}
		}
		return false
	}
	lowest, highest := field.Tag.Get("min"), field.Tag.Get("max")
	if lowest == "" {
		return true
	}
	return value.Int() >= limit(field, lowest) && value.Int() <= limit(field, highest)
}

// limit reads a min or max tag. A tag that cannot be read is a mistake in this package, which any test finds.
func limit(field reflect.StructField, text string) int64 {
	if field.Type == reflect.TypeFor[time.Duration]() {
		d, err := time.ParseDuration(text)
		if err != nil {
			panic("config: bad bound of " + field.Name)
		}
		return int64(d)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		panic("config: bad bound of " + field.Name)
	}
	return n
}

func (c *Config) listeners(f *Faults) {
	if c.Production() && c.Port == 0 {
		f.add("PORT", "is 0, which takes any free port; in production set it to the port that the platform routes to")
	}
	if c.Port != 0 && c.Port == c.MetricsPort {
		f.add("METRICS_PORT", "is the same as PORT; set it to another port, so that metrics stay private")
	}
	host(f, "HOST", c.Host)
	host(f, "METRICS_HOST", c.MetricsHost)
	if strings.TrimSpace(c.DataDir) == "" {
		f.add("DATA_DIR", "is empty; set it to a directory that this process may write to")
	}
}

func host(f *Faults, name, value string) {
	if strings.ContainsAny(value, " /[]") {
		f.add(name, fmt.Sprintf("is %s; set it to an address or host name without port, such as 127.0.0.1 or ::", quote(value)))
	}
}

func (c *Config) secrets(f *Faults) {
	c.secret(f, "JWT_SECRET", c.JWTSecret, true)
	c.secret(f, "JWT_SECRET_PREVIOUS", c.JWTSecretPrevious, false)
	c.secret(f, "INTERNAL_API_SECRET", c.InternalAPISecret, true)
	if c.UpstashToken != "" && placeholder(c.UpstashToken.Reveal()) {
		f.add("UPSTASH_REDIS_REST_TOKEN", "is a placeholder; copy the token from the Upstash console")
	}
	if c.JWTSecret != "" && c.JWTSecret == c.InternalAPISecret {
		f.add("INTERNAL_API_SECRET", "is the same as JWT_SECRET; use two different secrets")
	}
	if c.JWTSecret != "" && c.JWTSecret == c.JWTSecretPrevious {
		f.add("JWT_SECRET_PREVIOUS", "is the same as JWT_SECRET; remove it, or set it to the secret from before the change")
	}
}

func (c *Config) secret(f *Faults, name string, s Secret, required bool) {
	const advice = "; make one with: openssl rand -hex 32"
	switch {
	case s == "" && required && c.Production():
		f.add(name, "is not set and production requires it"+advice)
	case s == "":
	case placeholder(s.Reveal()):
		f.add(name, "is a placeholder"+advice)
	case strings.TrimSpace(s.Reveal()) != s.Reveal():
		f.add(name, "begins or ends with a blank or a line break; remove it")
	case len(s) < minSecret && c.Production():
		f.add(name, fmt.Sprintf("has %d bytes and needs at least %d%s", len(s), minSecret, advice))
	}
}

// placeholder tells whether a value was copied from an example and never filled in.
func placeholder(value string) bool {
	v := strings.ToLower(strings.TrimSpace(value))
	for _, start := range []string{"your-", "your_", "changeme", "change-me", "change_me", "replace-", "replace_", "<"} {
		if strings.HasPrefix(v, start) {
			return true
		}
	}
	return false
}

// placeholderHost is narrower than placeholder, since names such as your-brand.com exist.
func placeholderHost(host string) bool {
	label, _, _ := strings.Cut(strings.ToLower(host), ".")
	word, your := strings.CutPrefix(label, "your-")
	for _, known := range []string{"app", "api", "domain", "host", "next", "redis", "upstash", "project", "server", "site"} {
		if your && strings.HasPrefix(word, known) {
			return true
		}
	}
	return false
}
