// Prints the import map with which a browser loads the example without a
// bundler: each name that its modules and theirs import, and where that is.
//
//     node import-map.mjs EXAMPLES /path/of/it/on/the/server/
//
// Node's own resolution always chooses what is for Node, so that the package
// files are read here: "exports", "imports" and "browser".

import { readFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';

const CONDITIONS = ['browser', 'import', 'default'];
const MODULES = ['http.mjs', 'meshkit.mjs', 'open.mjs'];

const [folder, server] = process.argv.slice(2);
const root = resolve(folder);
const map = { imports: {}, scopes: {} };
const seen = new Set();

const url = file => server + relative(root, file);
const read = file => readFileSync(file, 'utf8');
const readPackage = at => JSON.parse(read(join(at, 'package.json')));

// Within "exports" or "imports": a path, or conditions on the way to one.
function chosen(entry) {
    if (entry === undefined || typeof entry === 'string') return entry;
    return chosen(entry[CONDITIONS.find(name => name in entry)]);
}

function folderOf(file) {
    const [found] = file.match(/^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/) ?? [];

    return found ?? root;
}

// What "browser" has in the place of a file, or the file.
function forBrowser(file) {
    const at = folderOf(file);
    const other = readPackage(at).browser?.['./' + relative(at, file)];

    return other ? join(at, other) : file;
}

function located(name) {
    const [, short, rest] = name.match(/^((?:@[^/]+\/)?[^/]+)(.*)$/);
    const at = join(root, 'node_modules', short);
    const { exports, module, main } = readPackage(at);
    const path = exports ? chosen(exports['.' + rest])
        : rest || module || main || 'index.js';

    if (path === undefined) throw new Error(`there is no ${name}`);
    return forBrowser(join(at, path));
}

// A browser has no CommonJS; what has no further parts can be quoted.
function quoted(source) {
    if (/\brequire\(/.test(source)) throw new Error('it has further parts');

    return 'data:text/javascript,' + encodeURIComponent(
        `const module = {};${source};export default module.exports;`);
}

// The file that an import leads to, or undefined for what is quoted.
function resolved(name, importer) {
    if (name.startsWith('.')) {
        const plain = posix.join(dirname(importer), name);
        const file = forBrowser(plain);

        if (file !== plain) map.imports[url(plain)] = url(file);
        return file;
    }
    if (name.startsWith('#')) {
        const at = folderOf(importer);
        const file = join(at, chosen(readPackage(at).imports[name]));

        (map.scopes[url(at) + '/'] ??= {})[name] = url(file);
        return file;
    }
    const file = located(name);
    const source = read(file);
    const commonJs = /^module\.exports\b/m.test(source);

    map.imports[name] = commonJs ? quoted(source) : url(file);
    return commonJs ? undefined : file;
}

function visit(file) {
    if (seen.has(file)) return;
    seen.add(file);

    const source = read(file).replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');

    for (const [, name] of source.matchAll(
        /^(?:import\s*|(?:import|export)\b[^'"]*\bfrom\s*)['"]([^'"]+)['"]/gm))
    {
        const next = resolved(name, file);

        if (next) visit(next);
    }
}

for (const name of MODULES) visit(join(root, name));

console.log(JSON.stringify(map, undefined, 1));
