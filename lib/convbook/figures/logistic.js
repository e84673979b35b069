// Logistic regression on few rows of many numbers, trained by gradient descent, and what it answers for rows that were
// left out. Pure functions, tested against scikit-learn.
//
// Everything follows from the products of the rows with each other: the gradient of a weight is a sum over the rows, so
// the weights stay such a sum, Σ shares[i] · row[i], and a step works with as many numbers as there are rows, few, not
// with as many as a row has.

const PENALTY = 100; // the C of scikit-learn, for rows whose mean squared distance from their mean is 1
const [MOST_STEPS, TOLERANCE] = [1000, 1e-4]; // it stops when no row's share of the gradient is larger

// The products of rows with each other, [i][j].
export function multiplyRows(rows, others = rows) {
  return rows.map((row) => Float64Array.from(others, (other) => {
    let sum = 0;
    for (let n = 0; n < row.length; n++) sum += row[n] * other[n];
    return sum;
  }));
}

// Trains on the rows `chosen` of these products; `labels` are whole numbers from 0, `classes` says how many there are.
// `start` are the shares of a training on more rows, where there is one. It gives { shares, bias, losses } and
// `answer(products)`, the probabilities of the classes for a row with these products with all rows.
export function trainLogistic(products, labels, classes, chosen = labels.map((_, n) => n), start = null) {
  const [count, outputs] = [chosen.length, classes === 2 ? 1 : classes]; // of two classes the sign of one decides
  const { centred, centre } = centreProducts(products, chosen);
  const penalty = 1 / (PENALTY * count);
  // The largest curvature that the loss can have, and by how much each step goes on in the direction of the last one.
  const curvature = (classes === 2 ? 1 / 4 : 1 / 2) + penalty;
  const [fast, slow] = [curvature, penalty].map(Math.sqrt);
  const momentum = (fast - slow) / (fast + slow);
  const shares = Float64Array.from({ length: count * outputs }, (_, n) => (
    start ? start.shares[chosen[Math.floor(n / outputs)] * outputs + (n % outputs)] : 0
  ));
  const bias = Float64Array.from({ length: outputs }, (_, n) => (start ? start.bias[n] : 0));
  const last = { shares: shares.slice(), bias: bias.slice() };
  const [ahead, scores, gradient] = [shares.slice(), shares.slice(), new Float64Array(count * outputs)];
  const [losses, given] = [[], new Float64Array(classes)];
  for (let step = 0; step < MOST_STEPS; step++) {
    let [loss, largest] = [0, 0];
    const aheadBias = bias.map((value, n) => value + momentum * (value - last.bias[n]));
    for (let n = 0; n < shares.length; n++) ahead[n] = shares[n] + momentum * (shares[n] - last.shares[n]);
    for (let i = 0; i < count; i++) {
      for (let k = 0; k < outputs; k++) {
        let sum = 0;
        for (let j = 0; j < count; j++) sum += centred[i * count + j] * ahead[j * outputs + k];
        scores[i * outputs + k] = sum;
      }
      fillProbabilities(given, scores, i * outputs, aheadBias);
      const label = labels[chosen[i]];
      loss -= Math.log(Math.max(given[label], 1e-300)) / count;
      for (let k = 0; k < outputs; k++) {
        const of = outputs === 1 ? 1 : k; // the class that this score speaks for
        const off = given[of] - (label === of ? 1 : 0);
        gradient[i * outputs + k] = off / count;
        largest = Math.max(largest, Math.abs(off + count * penalty * ahead[i * outputs + k]));
      }
    }
    losses.push(loss);
    last.shares.set(shares);
    last.bias.set(bias);
    for (let k = 0; k < outputs; k++) {
      let slope = 0;
      for (let i = 0; i < count; i++) slope += gradient[i * outputs + k];
      bias[k] = aheadBias[k] - slope / curvature;
    }
    for (let n = 0; n < shares.length; n++) shares[n] = ahead[n] - (gradient[n] + penalty * ahead[n]) / curvature;
    if (largest < TOLERANCE) break;
  }
  const answer = (row) => {
    const near = centre(row);
    const sums = Float64Array.from({ length: outputs }, (_, k) => (
      near.reduce((sum, product, i) => sum + product * shares[i * outputs + k], 0)
    ));
    fillProbabilities(given, sums, 0, bias);
    return [...given];
  };
  return { shares, bias, losses, answer };
}

// The products of the chosen rows after their mean has been taken off and their mean squared distance from it made 1;
// `centre(row)` does the same for the products of another row with all rows.
function centreProducts(products, chosen) {
  const count = chosen.length;
  const means = chosen.map((i) => chosen.reduce((sum, j) => sum + products[i][j], 0) / count);
  const mean = means.reduce((sum, value) => sum + value, 0) / count;
  const spread = chosen.reduce((sum, i, n) => sum + products[i][i] - 2 * means[n] + mean, 0) / count || 1;
  const centre = (row) => {
    const own = chosen.reduce((sum, j) => sum + row[j], 0) / count;
    return chosen.map((j, n) => (row[j] - own - means[n] + mean) / spread);
  };
  return { centred: Float64Array.from(chosen.flatMap((i) => centre(products[i]))), centre };
}

// Softmax of the sums from `at` on; a single one is that of the second class against 0. In place, since a training calls
// it ten thousand times.
function fillProbabilities(given, sums, at, bias) {
  const skipped = given.length - bias.length;
  let [largest, whole] = [skipped ? 0 : -Infinity, 0];
  given[0] = 0;
  for (let k = 0; k < bias.length; k++) largest = Math.max(largest, (given[k + skipped] = sums[at + k] + bias[k]));
  for (let k = 0; k < given.length; k++) whole += given[k] = Math.exp(given[k] - largest);
  for (let k = 0; k < given.length; k++) given[k] /= whole;
}

// For one row after the other what a classifier answers that has learned from all others; null where no other row has
// its class. `whole` has learned from all.
export function* leaveOneOut(products, labels, classes, whole) {
  for (let n = 0; n < labels.length; n++) {
    const others = labels.map((_, other) => other).filter((other) => other !== n);
    const isAlone = others.every((other) => labels[other] !== labels[n]);
    yield isAlone ? null : trainLogistic(products, labels, classes, others, whole).answer(products[n]);
  }
}

// Between which shares the true one lies, where so many of so many were right: 95 %, by E. B. Wilson (1927).
export function wilsonInterval(right, count) {
  const [z, share] = [1.959964, right / count];
  const middle = share + z ** 2 / (2 * count);
  const half = z * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return [middle - half, middle + half].map((end) => Math.max(0, Math.min(1, end / (1 + z ** 2 / count))));
}
