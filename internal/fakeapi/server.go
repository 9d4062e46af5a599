package fakeapi

import (
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"time"
)

// Server is an API that listens.
type Server struct {
	*API
	URL  string // http://127.0.0.1:port
	http *http.Server
	done chan struct{}
}

// Start listens on a free port of 127.0.0.1.
func Start(o Options) (*Server, error) { return Listen("127.0.0.1:0", New(o)) }

// Listen serves api on an address.
func Listen(address string, api *API) (*Server, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("fakeapi: listen: %w", err)
	}
	s := &Server{
		API: api, URL: "http://" + listener.Addr().String(), done: make(chan struct{}),
		http: &http.Server{Handler: api, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.Default()},
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Printf("fakeapi: %v", err)
		}
	}()
	return s, nil
}

// Address is host and port.
func (s *Server) Address() string { return s.URL[len("http://"):] }

// Close drops every connection, and so ends every hang. To be back later, Listen on the same Address with the same API:
// rows, counters and faults stay with it.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.done
}
