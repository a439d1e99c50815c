"""What ministack remembers, by our names: each store has entries of a request's account and region.

ministack 1.5.33 keeps them in module-level mappings, which it empties and fills again but never replaces.
What an entry holds is ministack's, and mostly what the service's own Describe operation answers.
"""

from ecs_blue_green.emulator.engine import (
    Store,
    acm,
    alb,
    cloudformation,
    cloudwatch,
    cloudwatch_logs,
    codebuild,
    ec2,
    ecr,
    ecs,
    iam,
    lambda_svc,
    s3,
    sns,
)

# CloudFormation
stacks: Store = cloudformation._stacks  # by name; each has its template, parameters, resources and events
stack_events: Store = cloudformation._stack_events  # of each stack, by its id
change_sets: Store = cloudformation._change_sets  # by ARN
exports: Store = cloudformation._exports  # by name

# Elastic Load Balancing
load_balancers: Store = alb._lbs  # by ARN
load_balancer_attributes: Store = alb._lb_attrs  # of each load balancer, by its ARN
listeners: Store = alb._listeners  # by ARN
listener_rules: Store = alb._rules  # by ARN
target_groups: Store = alb._tgs  # by ARN

# EC2
vpcs: Store = ec2._vpcs  # by id
subnets: Store = ec2._subnets  # by id
route_tables: Store = ec2._route_tables  # by id
internet_gateways: Store = ec2._internet_gateways  # by id
nat_gateways: Store = ec2._nat_gateways  # by id
vpc_endpoints: Store = ec2._vpc_endpoints  # by id
security_groups: Store = ec2._security_groups  # by id

# ECS
clusters: Store = ecs._clusters  # by name
services: Store = ecs._services  # by cluster and name
task_definitions: Store = ecs._task_defs  # by family and revision
ecs_tags: Store = ecs._tags  # of each resource of ECS, by its ARN

# Other services
repositories: Store = ecr._repositories  # by name
images: Store = ecr._images  # of each repository, by its name
roles: Store = iam._roles  # by name
policies: Store = iam._policies  # by ARN
build_projects: Store = codebuild._projects  # by name
functions: Store = lambda_svc._functions  # by name
alarms: Store = cloudwatch._alarms  # by name
log_groups: Store = cloudwatch_logs._log_groups  # by name
buckets: Store = s3._buckets  # by name
object_versions: Store = s3._object_versions  # of all buckets
bucket_policies: Store = s3._bucket_policies  # of each bucket, by its name
topics: Store = sns._topics  # by ARN
certificates: Store = acm._certificates  # by ARN
