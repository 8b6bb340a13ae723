// Owns our plugin for moto's runner (pytest): it writes down what became of each test as soon as it is known, so that a run
// which is cut off has figures too, and leaves out those that are known already.

/** The plugin's name, and that of the file that it writes. */
export const PLUGIN = 'ironbark_moto';
export const OUTCOMES_VARIABLE = 'SUITE_OUTCOMES';

export const PLUGIN_TEXT = `import json, os

def place(nodeid):
    path, name = nodeid.split('::', 1)
    return {'file': path.split('/')[-1].removesuffix('.py'), 'name': name}

def known():
    with open(os.environ['${OUTCOMES_VARIABLE}']) as log:
        return [(one['file'], one['name']) for one in map(json.loads, log)]

def pytest_collection_modifyitems(config, items):
    done = set(known())
    rest = [item for item in items if tuple(place(item.nodeid).values()) not in done]
    config.hook.pytest_deselected(items=[item for item in items if item not in rest])
    items[:] = rest

def pytest_runtest_logreport(report):
    if report.when != 'call' and report.outcome == 'passed':
        return
    crash = getattr(report.longrepr, 'reprcrash', None)
    message = getattr(crash, 'message', str(report.longrepr)[-600:]) if report.failed else ''
    line = {**place(report.nodeid), 'outcome': report.outcome, 'message': message[:2000]}
    with open(os.environ['${OUTCOMES_VARIABLE}'], 'a') as log:
        log.write(json.dumps(line) + '\\n')
`;
