"""Deployer, emulator, rehearsal and review of ECS services that CodeDeploy releases blue/green.

    deployer    what `deploy.py` runs: plan, guards, execution, drift, rollback, review
    emulator    AWS on this machine, which refuses what AWS refuses
    rehearsal   a release with traffic: real processes behind a real load balancer
    pipeline    CodePipeline's stages, run here
    codebuild   build specifications, run here
    documents   the generated parts of a project's documents
    workflows   the scripts of GitHub's workflows
    generate    what `generate.py` runs: `build/`, written from the project's `templates/`

All but `generate` know a project by the files of `build/` and `params/` alone, and import none of its
modules.
"""
