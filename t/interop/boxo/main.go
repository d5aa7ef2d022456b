// A gateway without blocks of its own: Boxo's HTTP gateway, in front of another
// gateway whose answers it verifies. So is rainbow with RAINBOW_REMOTE_BACKENDS
// and without libp2p.
//
//	program -listen 127.0.0.1:8090 -backend http://127.0.0.1:8080 -mode block
//	program -version
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/ipfs/boxo/gateway"
)

const boxo = "github.com/ipfs/boxo"

func version() string {
	info, _ := debug.ReadBuildInfo()
	for _, module := range info.Deps {
		if module.Path == boxo {
			return module.Version
		}
	}
	return "unknown"
}

func backend(mode, url string) (gateway.IPFSBackend, error) {
	switch mode {
	case "block":
		return gateway.NewRemoteBlocksBackend([]string{url}, nil)
	case "car":
		return gateway.NewRemoteCarBackend([]string{url}, nil)
	}
	return nil, fmt.Errorf("mode %q is neither block nor car", mode)
}

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "where clients come in")
	url := flag.String("backend", "", "the gateway that is asked")
	mode := flag.String("mode", "block", "what it is asked for: block or car")
	show := flag.Bool("version", false, "print Boxo's version")
	flag.Parse()

	if *show {
		fmt.Println(version())
		return
	}

	behind, err := backend(*mode, *url)
	if err != nil {
		log.Fatal(err)
	}

	socket, err := net.Listen("tcp", *listen)
	if err != nil {
		log.Fatal(err)
	}

	// strict trustless, which is what a zero value is
	config := gateway.Config{NoDNSLink: true, RetrievalTimeout: 2 * time.Second}
	server := &http.Server{
		Handler:           gateway.NewHandler(config, behind),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Fatal(server.Serve(socket))
}
