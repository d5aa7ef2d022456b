// What a reader takes from strangers, read strictly: JSON, base64url, CIDs,
// and the nodes of a UnixFS file.  Each function throws where docs/FORMAT.md
// says "refused"; what stands in quotes is a section there.

const reject = why => { throw new SyntaxError(why); };
const same = (a, b) => a.length === b.length && a.every((x, i) => x === b[i]);


// --- "Conventions" ----------------------------------------------------------

// JSON.parse takes the last of two members with one name, and 1.0 for 1.
// Here two are refused, integers are BigInt, and numbers are something else.
export function json(bytes, max = 65536, levels = 8) {
    if (bytes.length > max) reject('the text is too long');

    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
        .decode(bytes);
    const tokens = /[{}[\],:]|"[^"\\]*(?:\\.[^"\\]*)*"|[^\s{}[\],:"]+/g;
    const next = () => tokens.exec(text)[0];

    JSON.parse(text);       // from here on the grammar is right

    function value(token, left) {
        if (token !== '{' && token !== '[') {
            const integer = /^-?[0-9]+$/.test(token);
            const scalar = integer ? BigInt(token) : JSON.parse(token);

            if (integer ? BigInt.asIntN(64, scalar) !== scalar
                : typeof scalar === 'number' ? !Number.isFinite(scalar)
                : typeof scalar === 'string'
                    && (!scalar.isWellFormed() || scalar.includes('\0'))) {
                reject('a number is too large, or a string not well-formed');
            }
            return scalar;
        }

        if (left === 0) reject('there are too many levels');

        const list = token === '[', all = list ? [] : Object.create(null);

        for (let t = next(); t !== '}' && t !== ']'; t = next()) {
            if (t === ',') continue;
            if (list) {
                all.push(value(t, left - 1));
                continue;
            }
            const name = value(t, left);

            if (name in all) reject('a name stands twice');
            next();
            all[name] = value(next(), left - 1);
        }
        return all;
    }

    return value(next(), levels);
}

export const isObject = value => typeof value === 'object' && value !== null
    && !Array.isArray(value);

// One text for each byte string: no padding, unused bits zero.
export function base64url(text) {
    if (typeof text !== 'string' || /[^\w-]/.test(text)) {
        reject('no base64url');
    }
    const standard = text.replaceAll('-', '+').replaceAll('_', '/');
    const binary = atob(standard);

    if (btoa(binary).replace(/=+$/, '') !== standard) reject('unused bits');
    return Uint8Array.from(binary, c => c.charCodeAt(0));
}


// --- Protocol buffers and multiformats --------------------------------------

// A varint at the offset: its value and where it ends.
function varint(bytes, at) {
    let value = 0n;

    for (let i = 0; i < 9; i++) {
        const byte = bytes[at + i] ?? reject('a varint is cut');

        value |= BigInt(byte & 127) << BigInt(7 * i);
        if (byte < 128) {
            return byte === 0 && i > 0 ? reject('a varint is not minimal')
                : [value, at + i + 1];
        }
    }
    return reject('a varint is too long');
}

// The fields of a message as [number, value], with the wire types that are
// known: 0, a varint, and 2, bytes.  One by one, since a block may have a
// million of them.
function* fields(bytes) {
    for (let at = 0, key, value; at < bytes.length;) {
        [key, at] = varint(bytes, at);
        [value, at] = varint(bytes, at);

        if ((key & 7n) === 2n) {
            const end = at + Number(value);

            if (end > bytes.length) reject('a field is cut');
            value = bytes.subarray(at, end);
            at = end;

        } else if ((key & 7n) !== 0n) {
            reject('an unknown wire type');
        }
        yield [Number(key >> 3n), value];
    }
}

const isBytes = value => value instanceof Uint8Array;


// --- "CIDs" -----------------------------------------------------------------

export const RAW = 0x55, DAG_PB = 0x70;

// blake2b-256 is allowed as well, but WebCrypto does not have it.
const HASHES = { 0x12: ['SHA-256', 32], 0x13: ['SHA-512', 64] };

const BASE58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';

function base58(text) {
    let value = 0n;

    for (const c of text) {
        value = value * 58n + BigInt(BASE58.indexOf(c) < 0
            ? reject('no base58') : BASE58.indexOf(c));
    }
    const hex = value === 0n ? '' : value.toString(16);
    const bytes = (hex.length % 2 ? `0${hex}` : hex).match(/../g) ?? [];
    const zeros = text.match(/^1*/)[0].length;

    return Uint8Array.from([...Array(zeros).fill(0),
                            ...bytes.map(byte => parseInt(byte, 16))]);
}

function toBase58(bytes) {
    let text = '';

    for (let n = BigInt('0x' + [...bytes].map(
        byte => byte.toString(16).padStart(2, '0')).join('')); n > 0n;
         n /= 58n) {
        text = BASE58[Number(n % 58n)] + text;
    }
    return text;
}

function base32(text) {
    let value = 0, bits = 0;
    const bytes = [];

    for (const c of text) {
        const five = BASE32.indexOf(c);

        if (five < 0) reject('no base32');
        value = (value << 5 | five) & 0xfff;
        bits += 5;
        if (bits >= 8) bytes.push(value >> (bits -= 8) & 255);
    }
    return bits > 4 || value & (1 << bits) - 1 ? reject('unused bits')
        : Uint8Array.from(bytes);
}

function toBase32(bytes) {
    let value = 0, bits = 0, text = '';

    for (const byte of bytes) {
        value = (value << 8 | byte) & 0xfff;
        for (bits += 8; bits >= 5;) text += BASE32[value >> (bits -= 5) & 31];
    }
    return bits === 0 ? text : text + BASE32[value << 5 - bits & 31];
}

// { codec, hash, digest, text }; the text is what gateways are asked for.
export function cidOfBytes(bytes) {
    let version = 0n, codec = BigInt(DAG_PB), at = 0, hash, length;

    if (!(bytes.length === 34 && bytes[0] === 0x12)) {
        [version, at] = varint(bytes, at);
        [codec, at] = varint(bytes, at);
        if (version !== 1n) reject('an unknown version');
    }
    [hash, at] = varint(bytes, at);
    [length, at] = varint(bytes, at);

    const [name, size] = HASHES[hash] ?? reject('an unknown hash');

    if (codec !== BigInt(RAW) && codec !== BigInt(DAG_PB)) {
        reject('an unknown codec');
    }
    if (length !== BigInt(size) || bytes.length !== at + size) {
        reject('a digest of another length');
    }
    return { codec: Number(codec), hash: name, digest: bytes.subarray(at),
             text: version === 0n ? toBase58(bytes) : 'b' + toBase32(bytes) };
}

export function cidOfText(text) {
    if (typeof text !== 'string') reject('no CID');
    if (/^Qm.{44}$/s.test(text)) {
        const bytes = base58(text);

        return bytes.length === 34 ? cidOfBytes(bytes) : reject('no CIDv0');
    }
    const rest = text.slice(1);
    const bytes = text[0] === 'b' ? base32(rest)
        : text[0] === 'B' && rest === rest.toUpperCase()
            ? base32(rest.toLowerCase())
        : text[0] === 'z' && rest.length < 256 ? base58(rest)
        : reject('an unknown multibase');

    return bytes[0] === 1 ? cidOfBytes(bytes) : reject('no CIDv1');
}

export async function isBlockOf(cid, block) {
    return same(new Uint8Array(await crypto.subtle.digest(cid.hash, block)),
                cid.digest);
}


// --- "Blocks" ---------------------------------------------------------------

const BLOCK_MAX = 2097152n, LINKS_MAX = 8192;

function link(bytes) {
    let last = 0, cid;

    for (const [number, value] of fields(bytes)) {
        if (number <= last) reject('a link whose fields are not in order');
        last = number;

        if (number === 1 && isBytes(value)) cid = cidOfBytes(value);
        else if (number === 2 && isBytes(value) && value.length === 0);
        else if (number === 3 && !isBytes(value));
        else reject('a link with something else');
    }
    return cid ?? reject('a link without a hash');
}

function unixfs(bytes) {
    const found = { data: new Uint8Array(0), filesize: 0n, blocksizes: [] };
    let last = 0;

    for (const [number, value] of fields(bytes)) {
        if (number < last || number === last && number !== 4) {
            reject('UnixFS whose fields are not in order');
        }
        if (last === 0 && number !== 1) reject('UnixFS without a type');
        last = number;

        if (number === 1 && (value === 0n || value === 2n));
        else if (number === 2 && isBytes(value)) found.data = value;
        else if (number === 3 && !isBytes(value)) found.filesize = value;
        else if (number === 4 && !isBytes(value)
                 && found.blocksizes.length < LINKS_MAX)
            found.blocksizes.push(value);
        else if (number === 7 && !isBytes(value) && value < 1n << 32n);
        else if (number === 8 && isBytes(value) && value.length <= 16);
        else reject('UnixFS that is no file, or with something else');
    }
    return last === 0 ? reject('UnixFS without a type') : found;
}

// { size, data, links: [{ cid, size }] }: a leaf's bytes, or what is below.
export function dagPb(block) {
    const links = [];
    let data, behind = false;

    for (const [number, value] of fields(block)) {
        if (!isBytes(value)) reject('a node with a number');

        if (number === 1 && data === undefined) {
            data = unixfs(value);
            behind = links.length > 0;
        } else if (number === 2 && !behind && links.length < LINKS_MAX) {
            links.push(link(value));
        } else {
            reject('a node with something else');
        }
    }
    if (data === undefined) reject('a node without data');

    const { filesize: size, blocksizes } = data;
    const sum = blocksizes.reduce((all, one) => all + one, 0n);

    if (blocksizes.length !== links.length || blocksizes.includes(0n)
        || links.some((cid, i) => cid.codec === RAW
                                  && blocksizes[i] > BLOCK_MAX)
        || links.length > 0 && data.data.length > 0
        || size !== (links.length > 0 ? sum : BigInt(data.data.length))
        || size >= 1n << 63n) {
        reject('a node whose sizes do not fit');
    }
    return { size, data: data.data,
             links: links.map((cid, i) => ({ cid, size: blocksizes[i] })) };
}
