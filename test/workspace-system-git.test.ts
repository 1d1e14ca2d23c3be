import { whyNoSandbox } from '../src/agent/sandbox/tests/sandbox-fixture.ts'
import { createSystemGit } from '../src/agent/workspace/system-git.ts'
import { describeWorkspaceRepo } from './conformance/workspace-repo.ts'

describeWorkspaceRepo('the git of the machine', await whyNoSandbox(), createSystemGit)
