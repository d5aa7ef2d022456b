// A gateway made of Helia's verified-fetch, over a directory of blocks that
// are named by their CIDs, as "meshkitctl seal --blocks" writes them.
//
//     node gateway.mjs PORT DIRECTORY
//
// It listens on 127.0.0.1, says "ready", and then what it was asked for, with
// which status it answered, and the X-Request-ID.  It asks nobody: without
// routers, brokers and libp2p Helia has what is in the directory, no more.

import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { createVerifiedFetchWithHelia } from '@helia/verified-fetch';
import { FsBlockstore } from 'blockstore-fs';
import { createHeliaLight } from 'helia';

const PASSED = ['accept', 'cache-control', 'if-none-match', 'range'];

const [port, directory] = process.argv.slice(2);

const blockstore = new FsBlockstore(directory, {
    createIfMissing: false,
    shardingStrategy: {
        encode: (cid) => ({ dir: '', file: cid.toV1().toString() }),
    },
});

const helia = await createHeliaLight({ blockstore }).start();
const verifiedFetch = await createVerifiedFetchWithHelia(helia);


function passedHeaders(request) {
    return PASSED.filter((name) => request.headers[name] !== undefined)
        .map((name) => [name, request.headers[name]]);
}


async function answer(request, response) {
    const gone = new AbortController();

    response.on('close', () => gone.abort());

    const found = await verifiedFetch(request.url, {
        method: request.method,
        headers: passedHeaders(request),
        offline: true,
        redirect: 'manual',
        session: false,
        signal: gone.signal,
    });

    console.log(request.method, request.url, found.status,
        request.headers['x-request-id'] ?? '-');
    response.writeHead(found.status, Object.fromEntries(found.headers));

    // A slow reader is waited for; an error on one side ends the other.
    await pipeline(found.body === null ? [] : Readable.fromWeb(found.body),
        response);
}


// Who was promised a body, and does not get all of it, is cut off.
function fail(request, response, error) {
    console.log(request.method, request.url, 'failed:', `${error}`);

    if (response.headersSent) {
        response.destroy();
        return;
    }

    response.writeHead(500).end();
}


// Names of other kinds would be looked up elsewhere.
createServer((request, response) => {
    if (!request.url.startsWith('/ipfs/')) {
        response.writeHead(404).end();
        return;
    }

    answer(request, response).catch((error) => fail(request, response, error));
}).listen(Number(port), '127.0.0.1', () => console.log('ready'));
