// JSON Patch (RFC 6902), applied without changing the document it is given: what a patch does not touch is shared
// between the document before and the one after, so `before.items[3] === after.items[3]` says that nothing changed there.

export class PatchError extends Error {
  name = 'PatchError';
}

const fail = (message) => { throw new PatchError(message); };
const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);
const isContainer = (value) => typeof value === 'object' && value !== null;

// RFC 6901: "/a~1b/0" → ["a/b", "0"].
function tokensOf(pointer, what) {
  if (typeof pointer !== 'string' || (pointer !== '' && pointer[0] !== '/') || /~(?![01])/.test(pointer)) {
    fail(`${what} is not a JSON Pointer: ${JSON.stringify(pointer)}`);
  }
  return pointer.split('/').slice(1).map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));
}

// The place of a token in an array; limit: the first that is too far.
function indexOf(token, limit) {
  if (!/^(0|[1-9]\d*)$/.test(token) || Number(token) >= limit) fail(`there is no index ${JSON.stringify(token)}`);
  return Number(token);
}

function memberOf(parent, token) {
  if (Array.isArray(parent)) return parent[indexOf(token, parent.length)];
  if (!isContainer(parent) || !has(parent, token)) fail(`there is no member ${JSON.stringify(token)}`);
  return parent[token];
}

// Never by assignment: that of "__proto__" would not make a member.
function setMember(object, key, value) {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

function equal(a, b) {
  if (!isContainer(a) || !isContainer(b)) return a === b;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => has(b, key) && equal(a[key], b[key]));
}

class Target {
  #own = new Set(); // containers that this patch made: nobody else sees them, so they may be changed

  constructor(document) {
    this.document = document;
  }

  get(tokens) {
    return tokens.reduce(memberOf, this.document);
  }

  #owned(value) {
    if (this.#own.has(value)) return value;
    const copy = Array.isArray(value) ? value.slice() : { ...value };
    this.#own.add(copy);
    return copy;
  }

  // The container of the last token, with all above it, as something that may be changed.
  #parent(tokens) {
    if (!isContainer(this.get(tokens.slice(0, -1)))) fail('only objects and arrays have members');
    let parent = this.document = this.#owned(this.document);
    for (const token of tokens.slice(0, -1)) {
      const member = this.#owned(memberOf(parent, token));
      setMember(parent, token, member);
      parent = member;
    }
    return parent;
  }

  add(tokens, value) {
    if (tokens.length === 0) {
      this.document = value;
      return;
    }
    const parent = this.#parent(tokens);
    const last = tokens.at(-1);
    if (!Array.isArray(parent)) setMember(parent, last, value);
    else parent.splice(last === '-' ? parent.length : indexOf(last, parent.length + 1), 0, value);
  }

  replace(tokens, value) {
    this.get(tokens);
    if (tokens.length === 0) this.document = value;
    else setMember(this.#parent(tokens), tokens.at(-1), value);
  }

  // To what was there.
  remove(tokens) {
    const value = this.get(tokens);
    if (tokens.length === 0) fail('the whole document cannot be removed');
    const parent = this.#parent(tokens);
    if (Array.isArray(parent)) parent.splice(Number(tokens.at(-1)), 1);
    else delete parent[tokens.at(-1)];
    return value;
  }

  // What is now in two places may be changed in neither.
  share(tokens) {
    this.#own.clear();
    return this.get(tokens);
  }
}

function applyOne(target, operation) {
  const { op, path, from, value } = operation;
  const tokens = tokensOf(path, 'path');
  if (['add', 'replace', 'test'].includes(op) && value === undefined) fail('"value" is missing');
  switch (op) {
    case 'add': return target.add(tokens, value);
    case 'remove': return target.remove(tokens);
    case 'replace': return target.replace(tokens, value);
    case 'copy': return target.add(tokens, target.share(tokensOf(from, 'from')));
    case 'test': return equal(target.get(tokens), value) ? undefined : fail('the value is another one');
    case 'move': {
      const source = tokensOf(from, 'from');
      if (path === from) return target.get(source);
      if (path.startsWith(`${from}/`)) fail('nothing can be moved into itself');
      return target.add(tokens, target.remove(source));
    }
    default: return fail('there is no such operation');
  }
}

// The document after the patch, an array of operations. Throws PatchError; then nothing has changed.
export function applyPatch(document, patch) {
  if (!Array.isArray(patch)) fail('a patch is an array of operations');
  const target = new Target(document);
  patch.forEach((operation, i) => {
    try {
      applyOne(target, operation ?? {});
    } catch (error) {
      throw new PatchError(`operation ${i}, ${operation?.op} ${operation?.path}: ${error.message}`);
    }
  });
  return target.document;
}
