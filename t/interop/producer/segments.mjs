// Opens the segments of segments.py with the example's keys, out of order:
// prints the index of each that comes out right.
//
//     python3 segments.py > FILE; node segments.mjs EXAMPLES FILE

import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const [examples, file] = process.argv.slice(2);
const { floe } = await import(pathToFileURL(resolve(examples, 'meshkit.mjs')));

const bytes = hex => new Uint8Array(Buffer.from(hex, 'hex'));
const lines = (await readFile(file, 'utf8')).trim().split('\n');
const all = lines.map(line => JSON.parse(line));
const { gcm } = await floe(bytes(all[0].key), bytes(all[0].parameters),
                           all[0].payloadId);

for (const { index, sealed, plain } of [...all, ...all.toReversed()]) {
    const segment = bytes(sealed);
    const opened = await crypto.subtle.decrypt(
        ...await gcm(index, true, segment.subarray(4, 16)),
        segment.subarray(16));

    if (Buffer.from(opened).toString('hex') === plain) console.log(index);
}
