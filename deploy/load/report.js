// Single reports on intake at a constant arrival rate, for people who use k6. README.md beside this file says how to run it.
import http from 'k6/http';
import { check } from 'k6';
import { Counter } from 'k6/metrics';

const url = __ENV.INTAKE_URL;
const key = __ENV.REPORT_KEY;
if (!url || !key) throw new Error('INTAKE_URL and REPORT_KEY must be set');
const rate = Number(__ENV.RATE || 200);
// A city's class or everyday word for one; reports of one kind at one place become one case.
const categories = (__ENV.CATEGORIES || 'manhole,street light,井盖').split(',');
const places = leaves(JSON.parse(open(__ENV.GRIDS || '../../cities/demo/grids.geojson')).features);

const refused = new Counter('reports_refused'); // 429 or 503: come back later
const unsaid = new Counter('reports_without_answer');

export const options = {
  scenarios: {
    reports: {
      executor: 'constant-arrival-rate',
      rate,
      timeUnit: '1s',
      duration: __ENV.DURATION || '30s',
      preAllocatedVUs: Number(__ENV.VUS || 64),
      maxVUs: Number(__ENV.MAX_VUS || 512),
    },
  },
  summaryTrendStats: ['med', 'p(95)', 'p(99)', 'max'],
  thresholds: {
    checks: ['rate>=0.95'],
    'http_req_duration{expected_response:true}': [`p(99)<${Number(__ENV.P99_MS || 250)}`],
    // What k6 could not start in time is missing in its latencies: then these are too good.
    dropped_iterations: ['count==0'],
  },
};

export default function () {
  const [lon, lat] = pick(places);
  const report = { id: uuid7(), category: pick(categories), place: { lon, lat }, text: 'k6' };
  const answer = http.post(`${url}/v1/reports`, JSON.stringify(report), {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    tags: { name: 'report' },
  });
  if (answer.status === 429 || answer.status === 503) refused.add(1);
  if (answer.status === 0) unsaid.add(1);
  check(answer, { accepted: (a) => a.status === 202 });
}

// A point in each grid that has none below it: the mean of its corners.
function leaves(features) {
  const parents = new Set(features.map((f) => f.properties.parent));
  return features
    .filter((f) => !parents.has(f.properties.id))
    .map((f) => {
      const ring = (f.geometry.type === 'Polygon' ? f.geometry.coordinates : f.geometry.coordinates[0])[0].slice(1);
      return [0, 1].map((i) => ring.reduce((sum, corner) => sum + corner[i], 0) / ring.length);
    });
}

function pick(from) {
  return from[Math.floor(Math.random() * from.length)];
}

// Time first: ids that grow cost the database least.
function uuid7() {
  const time = Date.now().toString(16).padStart(12, '0');
  const chance = Array.from({ length: 19 }, () => Math.floor(Math.random() * 16).toString(16)).join('');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${chance.slice(0, 3)}-a${chance.slice(3, 6)}-${chance.slice(6, 18)}`;
}
