// What translated checks (python_in_page.py) use of Python: values compare, print and slice as there.
// A list is an array, a tuple an array with `isTuple`, a dictionary a Map, a set an array with `isSet`.
const py = (() => {
  const marked = (mark) => (items) => Object.assign([...iter(items)], { [mark]: true });
  const iter = (x) => (x instanceof Map ? [...x.keys()] : [...x]);
  const tuple = marked("isTuple");
  const set = (items = []) => marked("isSet")(iter(items).filter((x, i, all) => all.findIndex((y) => eq(x, y)) === i));
  const len = (x) => (x instanceof Map ? x.size : x.length);
  const isMany = (x) => Array.isArray(x) || x instanceof Map;
  const truth = (x) => (isMany(x) ? len(x) > 0 : Boolean(x));
  const entries = (x) => (x instanceof Map ? [...x] : x);
  const eq = (a, b) => {
    if (!isMany(a) || !isMany(b)) return a === b;
    if (a instanceof Map !== b instanceof Map || len(a) !== len(b)) return false;
    if (a.isSet || a instanceof Map) return entries(a).every((x) => entries(b).some((y) => eq(x, y)));
    return a.every((x, i) => eq(x, b[i]));
  };
  const error = (kind, message) => Object.assign(new Error(message.message ?? message), { kind, feedback: message });
  const at = (x, i) => (x instanceof Map ? x.get(i) : [...x].at(i));
  const slice = (x, from, to, step) => {
    const all = [...x], bound = (i, otherwise) => (i === null ? otherwise : i < 0 ? i + all.length : i);
    const part = step === -1 ? all.slice(bound(to, -1) + 1, bound(from, all.length - 1) + 1).reverse()
      : all.slice(from ?? 0, to ?? all.length);
    return typeof x === "string" ? part.join("") : Object.assign(part, x.isTuple && { isTuple: true });
  };
  const repr = (x) => {
    if (x === null) return "None";
    if (typeof x === "boolean") return x ? "True" : "False";
    if (typeof x === "string") return x.includes("'") && !x.includes('"') ? `"${x}"` : `'${x.replaceAll("'", "\\'")}'`;
    if (x instanceof Map) return `{${[...x].map(([k, v]) => `${repr(k)}: ${repr(v)}`).join(", ")}}`;
    if (!Array.isArray(x)) return String(x).replace(/e([+-])(\d)$/, "e$10$2");
    const inside = x.map(repr).join(", ");
    return x.isSet ? `{${inside}}` : x.isTuple ? `(${inside}${x.length === 1 ? "," : ""})` : `[${inside}]`;
  };
  const str = (x) => (typeof x === "string" ? x : repr(x));
  const rounded = (x, how, digits) => {
    // As x.toFixed or x.toExponential, but a tie goes to the even digit, as in Python.
    const text = x[how](digits), rest = x[how](60).split("e")[0].split(".")[1].slice(digits);
    return /^50*$/.test(rest) && /[13579](e|$)/.test(text) ? (x * (1 - 2 ** -50))[how](digits) : text;
  };
  const general = (x, digits) => {
    const [mantissa, power] = rounded(x, "toExponential", digits - 1).split("e");
    const short = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    if (+power >= -4 && +power < digits) return short(rounded(x, "toFixed", digits - 1 - power));
    return `${short(mantissa)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  };
  const format = (x, spec, asRepr) => {
    if (!spec) return asRepr ? repr(x) : str(x);
    const [, comma, digits, kind] = spec.match(/^(,?)(?:\.(\d+))?([gf%]?)$/);
    if (kind === "g") return general(x, Number(digits ?? 6));
    if (kind === "%") return `${rounded(100 * x, "toFixed", Number(digits))}%`;
    const [whole, rest = ""] = (kind ? rounded(x, "toFixed", Number(digits)) : str(x)).split(/(?=\.)/);
    return (comma ? whole.replace(/\B(?=(\d{3})+$)/g, ",") : whole) + rest;
  };
  const methods = {
    append: (x, value) => void x.push(value),
    capitalize: (x) => x[0].toUpperCase() + x.slice(1).toLowerCase(),
    count: (x, value) => x.filter((y) => eq(y, value)).length,
    get: (x, key, otherwise = null) => (x.has(key) ? x.get(key) : otherwise),
    index: (x, value) => x.findIndex((y) => eq(y, value)),
    items: (x) => [...x],
    join: (x, parts) => iter(parts).join(x),
    keys: (x) => [...x.keys()],
    startswith: (x, text) => x.startsWith(text),
    values: (x) => [...x.values()],
  };
  const kinds = {
    list: (x) => Array.isArray(x) && !x.isTuple && !x.isSet,
    tuple: (x) => Boolean(x?.isTuple), set: (x) => Boolean(x?.isSet),
    dict: (x) => x instanceof Map, str: (x) => typeof x === "string", bool: (x) => typeof x === "boolean",
    int: (x) => Number.isInteger(x), range: () => false, ndarray: () => false,
  };
  const least = (sign) => (...x) => (x.length > 1 ? x : iter(x[0])).reduce((a, b) => (sign * b < sign * a ? b : a));
  const floor = (a, b) => Math.floor(a / b);
  const isWhole = (x, smallest = 1) => Number.isInteger(x) && x >= smallest;
  const asNumbers = (x, [size, ...rest]) => {
    if (size === undefined) return Number.isFinite(x) ? x : null;
    if (!Array.isArray(x) || x.length !== size) return null;
    const inside = x.map((y) => asNumbers(y, rest));
    return inside.includes(null) ? null : inside;
  };
  const index = (x) => { if (!Number.isInteger(x)) throw error("TypeError", "no whole number"); return x; };
  const type = (name, make) => Object.assign(make, { kind: name });
  return {
    iter, set: type("set", set), tuple: type("tuple", (x = []) => tuple(x)), list: type("list", (x = []) => iter(x)),
    dict: type("dict", (pairs) => new Map(pairs)), str: type("str", str), int: type("int", (x) => Math.trunc(Number(x))),
    float: type("float", Number), bool: type("bool", truth), range: type("range", (...x) => {
      const [from, to] = x.length > 1 ? x : [0, x[0]];
      return tuple(Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i));
    }),
    ndarray: { kind: "ndarray" }, len, truth, eq, error, at, slice, repr, format,
    divmod: (a, b) => tuple([floor(a, b), a - b * floor(a, b)]),
    isinstance: (x, wanted) => (Array.isArray(wanted) ? wanted : [wanted]).some((each) => kinds[each.kind](x)),
    has: (x, many) => (typeof many === "string" ? many.includes(x) : iter(many).some((y) => eq(x, y))),
    and: (...parts) => { let x; for (const part of parts) if (!truth((x = part()))) break; return x; },
    or: (...parts) => { let x; for (const part of parts) if (truth((x = part()))) break; return x; },
    add: (a, b) => (Array.isArray(a) ? Object.assign([...a, ...b], a.isTuple && { isTuple: true }) : a + b),
    floordiv: floor, mod: (a, b) => a - b * floor(a, b), method: (x, name, given) => methods[name](x, ...given),
    abs: Math.abs, log: Math.log, max: least(-1), min: least(1), index,
    sum: (x) => iter(x).reduce((a, b) => a + Number(b), 0),
    all: (x) => iter(x).every(truth), any: (x) => iter(x).some(truth), map: (f, ...x) => iter(x[0]).map((y) => f(y)),
    zip: (...x) => iter(x[0]).map((_, i) => tuple(x.map((each) => iter(each)[i]))),
    enumerate: (x, start = 0) => iter(x).map((y, i) => tuple([i + start, y])),
    sorted: (x) => iter(x).sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)),
    named: (names, values) => names.reduce((x, name, i) => Object.assign(x, { [name]: values[i] }), tuple(values)),
    right: (message) => ({ passed: true, message }), wrong: (message) => ({ passed: false, message }),
    is_whole_number: isWhole, as_numbers: asNumbers,
  };
})();
