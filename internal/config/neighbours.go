package config

import (
	"fmt"
	"net/url"
	"path"
	"strconv"
	"strings"
)

func (c *Config) api(f *Faults) {
	if c.NextAPIURL == "" {
		if c.Production() {
			f.add("NEXT_API_URL", "is not set and production requires it; set it to the address of the Next.js app, such as https://app.example.com")
		}
		return
	}
	if c.InternalAPISecret == "" && !c.Production() { // production asks for it anyway
		f.add("INTERNAL_API_SECRET", "is not set and NEXT_API_URL is; set it to the secret that the API expects")
	}
	base, err := url.Parse(c.NextAPIURL)
	switch {
	case placeholder(c.NextAPIURL) || (err == nil && placeholderHost(base.Hostname())):
		f.add("NEXT_API_URL", "is a placeholder; set it to the address of the Next.js app, such as https://app.example.com")
	case err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Hostname() == "":
		f.add("NEXT_API_URL", "is no http or https address; set it to one such as https://app.example.com")
	case base.User != nil || base.RawQuery != "" || base.Fragment != "":
		f.add("NEXT_API_URL", "holds a user, a query or a fragment; leave only scheme, host and path")
	case base.Path != "" && path.Clean(base.Path) != base.Path, strings.Contains(base.Path, "\\"):
		f.add("NEXT_API_URL", "has a path with . or .. or // in it; write the path out")
	}
}

func (c *Config) redis(f *Faults) {
	if c.RedisURL != "" {
		c.redisURL(f)
	}
	switch {
	case c.UpstashURL != "" && c.UpstashToken == "":
		f.add("UPSTASH_REDIS_REST_TOKEN", "is not set and UPSTASH_REDIS_REST_URL is; set both")
	case c.UpstashURL == "" && c.UpstashToken != "":
		f.add("UPSTASH_REDIS_REST_URL", "is not set and UPSTASH_REDIS_REST_TOKEN is; set both")
	case c.Production() && c.RedisURL == "" && c.UpstashURL == "":
		f.add("REDIS_URL", "is not set and production requires a Redis; set it, or UPSTASH_REDIS_REST_URL and UPSTASH_REDIS_REST_TOKEN")
	}
	if c.UpstashURL == "" {
		return
	}
	rest, err := url.Parse(c.UpstashURL)
	switch {
	case placeholder(c.UpstashURL) || (err == nil && placeholderHost(rest.Hostname())):
		f.add("UPSTASH_REDIS_REST_URL", "is a placeholder; copy the address from the Upstash console")
	case err != nil || rest.Scheme != "https" || rest.Hostname() == "" || rest.User != nil || rest.Path != "" || rest.RawQuery != "":
		f.add("UPSTASH_REDIS_REST_URL", "is no plain https address; copy it from the Upstash console, such as https://name.upstash.io")
	}
}

// redisURL checks the parts of REDIS_URL. Its faults quote nothing, since a password is in it.
func (c *Config) redisURL(f *Faults) {
	const name = "REDIS_URL"
	target, err := url.Parse(c.RedisURL.Reveal())
	if err != nil || (target.Scheme != "redis" && target.Scheme != "rediss") || target.Hostname() == "" {
		f.add(name, "is no redis:// or rediss:// address; set it to one such as redis://127.0.0.1:6379")
		return
	}
	password, _ := target.User.Password()
	if placeholder(password) || placeholderHost(target.Hostname()) {
		f.add(name, "holds a placeholder; set it to your Redis")
	}
	if database := strings.Trim(target.Path, "/"); database != "" {
		if n, err := strconv.Atoi(database); err != nil || n < 0 {
			f.add(name, "has a path that is no database number; end it after the port, or with a number such as /0")
		}
	}
}

func (c *Config) origins(f *Faults) {
	for _, origin := range c.AllowedOrigins {
		if origin == "*" {
			continue
		}
		u, err := url.Parse(origin)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
			u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(u.Host, "*") {
			f.add("ALLOWED_ORIGINS", fmt.Sprintf("holds %s; list origins such as https://example.com or http://localhost:3000, or * for any", quote(origin)))
		}
	}
}

func (c *Config) sizes(f *Faults) {
	if c.MaxContentChars > c.MaxFrameBytes {
		f.add("MAX_CONTENT_CHARS", "is more than MAX_FRAME_BYTES, so it can never be reached; lower it or raise MAX_FRAME_BYTES")
	}
	if c.MaxQueueBytes < c.MaxFrameBytes {
		f.add("MAX_QUEUE_BYTES", "is less than MAX_FRAME_BYTES, so one frame could close a socket; raise it")
	}
}
