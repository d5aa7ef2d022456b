// The CID that Helia's importer gives a file, by profile unixfs-v1-2025.
//
//     node cid.mjs FILE

import { createReadStream } from 'node:fs';

import { importer } from 'ipfs-unixfs-importer';

const content = createReadStream(process.argv[2]);
const nowhere = { put: async (cid) => cid };

for await (const { cid } of importer([{ content }], nowhere,
    { profile: 'unixfs-v1-2025' })) {

    console.log(cid.toString());
}
