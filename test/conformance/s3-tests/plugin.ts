// Owns our plugin for the suite's own runner (pytest): it writes down what became of each test as soon as it is known, so
// that a run which is cut off has figures too and can be gone on with; and its clean-up before and after each test uses clients that it keeps,
// since making them anew takes longer than most tests. The tests' own clients are not touched.

/** The plugin's name, and that of the file that it writes. */
export const PLUGIN = 'ironbark_suite';
export const OUTCOMES_VARIABLE = 'SUITE_OUTCOMES';

export const PLUGIN_TEXT = `import json, os
import s3tests.functional as suite

clients = []

def clean():
    if not clients:
        clients.extend([suite.get_client(), suite.get_alt_client(), suite.get_tenant_client()])
    for client in clients:
        suite.nuke_prefixed_buckets(prefix=suite.prefix, client=client)

suite.setup = clean
suite.teardown = clean

def known():
    with open(os.environ['${OUTCOMES_VARIABLE}']) as log:
        return {json.loads(line)['name'] for line in log}

def pytest_collection_modifyitems(config, items):
    done = known()
    rest = [item for item in items if item.nodeid.split('::')[-1] not in done]
    config.hook.pytest_deselected(items=[item for item in items if item not in rest])
    items[:] = rest

def pytest_runtest_logreport(report):
    if report.when != 'call' and report.outcome == 'passed':
        return
    reason = str(report.longrepr) if report.failed else ''
    line = {'name': report.nodeid.split('::')[-1], 'outcome': report.outcome, 'reason': reason[-600:]}
    with open(os.environ['${OUTCOMES_VARIABLE}'], 'a') as log:
        log.write(json.dumps(line) + '\\n')
`;
